public import SANModel
import SystemPackage

/// What can be asked of the HBAs of this host: to look for units, to have virtual ports made and deleted.
///
/// Each call blocks for as long as the driver works on it; to be called on a thread of its own.
public protocol HBAControl: Sendable {
    /// Looks for new units of a host; nil stands for all channels, targets or LUNs.
    ///
    /// - Throws: `not_found`, `permission_denied`, `host_failure`.
    func scan(
        _ host: SCSIHost, channel: UInt32?, target: UInt32?, lun: LogicalUnitNumber?
    ) throws(StorageError)

    /// - Throws: `unsupported` for a port that can't have any, `unavailable` where all its virtual ports are in use, `busy`, `permission_denied`,
    ///   `backend_failure` for what the driver refuses.
    func createVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError)

    /// - Throws: as ``createVPort(wwpn:wwnn:on:)``.
    func deleteVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError)
}

/// The kernel's way: files of sysfs.
public struct SysfsHBAControl: HBAControl {
    public init() {}

    public func scan(
        _ host: SCSIHost, channel: UInt32?, target: UInt32?, lun: LogicalUnitNumber?
    ) throws(StorageError) {
        try host.scan(channel: channel, target: target, lun: lun)
    }

    /// Equivalent to: `echo WWPN:WWNN > /sys/class/fc_host/hostN/vport_create`.
    public func createVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError) {
        try write(wwpn, wwnn, to: "vport_create", of: parent, "create")
    }

    /// Equivalent to: `echo WWPN:WWNN > /sys/class/fc_host/hostN/vport_delete`.
    public func deleteVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError) {
        try write(wwpn, wwnn, to: "vport_delete", of: parent, "delete")
    }

    private func write(
        _ wwpn: WWN, _ wwnn: WWN, to attribute: String, of parent: FCHost, _ verb: String
    ) throws(StorageError) {
        guard let folder = try FCHost.vportControl(of: parent.scsiHost) else {
            throw StorageError(
                .unsupported, "\(parent.name) can't have virtual ports: its driver or its firmware knows no NPIV",
                subject: .host(parent.name))
        }
        // The port first, then the node, 16 lower-case digits each and no newline, as every kernel takes it.
        try folder.write("\(wwpn):\(wwnn)", to: attribute) { error in
            SysfsHBAControl.failure(error, "\(verb) the virtual port \(wwpn)", parent)
        }
    }

    /// What the driver's answer means; nil for what any file may answer.
    static func failure(_ error: Errno, _ action: String, _ parent: FCHost) -> StorageError? {
        let subject = StorageError.Subject.host(parent.name)
        switch error {
        case .permissionDenied, .notPermitted, .noSuchFileOrDirectory, .readOnlyFileSystem: return nil
        case .noSpace:
            return StorageError(
                .unavailable, "\(parent.name) can't \(action): it has no room for another virtual port",
                subject: subject)
        case .resourceBusy, .resourceTemporarilyUnavailable:
            return StorageError(
                .busy, "\(parent.name) can't \(action) now: it is busy with virtual ports; try again", subject: subject)
        default:
            return StorageError(
                .backendFailure, "The driver of \(parent.name) refused to \(action) (\(error)); dmesg may say why",
                subject: subject)
        }
    }
}
