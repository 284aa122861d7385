public import SANHost
public import SANModel

/// The volumes of pools whose volumes are block devices of this host: LUNs behind iSCSI sessions and HBAs, multipath maps.
///
/// Names, keys and paths are libvirt's. A unit that something is wrong with is a volume with a problem.
public struct BlockVolumes: Sendable {
    let host: HostRoot
    let stablePath: StablePath
    let interview: any UnitInterviewing

    /// - Parameters:
    ///   - targetPath: the pool's `<target><path>`; nil for `/dev/disk/by-path`.
    ///   - interview: asks units what they are.
    /// - Throws: `invalid_argument` for a path outside `/dev`.
    public init(
        host: HostRoot, targetPath: String?, interview: any UnitInterviewing = UnitInterview()
    ) throws(StorageError) {
        self.host = host
        self.interview = interview
        stablePath = try StablePath(targetPath)
    }

    /// How a pool of a kind names its volumes.
    public enum KeyStyle: Sendable, Hashable {
        /// `36001405…`, as `scsi_id` prints it.
        case unit
        /// The same with `_PORT` and the target port's name behind it, as for `fc_host` pools: each path is a volume of its own.
        case unitAndPort
    }

    /// The volumes of SCSI units: disks and CD-ROMs that have a block device, as libvirt lists them.
    ///
    /// Units of other types (controllers, tapes, enclosures) are no volumes, and neither is a CD-ROM without a driver. A disk without a
    /// block device is a volume with a problem.
    ///
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read.
    public func volumes(of units: [SCSIUnit], keys: KeyStyle = .unit) throws(StorageError) -> [Volume] {
        let listed = units.filter { unit in
            switch unit.deviceType {
            case .disk, nil: true
            case .cdrom: unit.block != nil
            default: false
            }
        }
        return try mapOnThreads(listed, named: "san-sysfs") { unit throws(StorageError) in
            try volume(of: unit, keys: keys)
        }
    }

    /// The volume of one unit.
    public func volume(of unit: SCSIUnit, keys: KeyStyle = .unit) throws(StorageError) -> Volume {
        var definition = VolumeDefinition(name: unit.hctl.unitName, type: .block, capacity: unit.block?.capacity ?? 0)
        definition.allocation = definition.capacity
        var problems = unit.problems
        var path: String?
        if let block = unit.block {
            let choice = try stablePath.choose(block, unit.udev)
            path = choice.path
            if let problem = choice.problem { problems.append(problem) }
            if (block.capacity?.bytes ?? 0) == 0, unit.deviceType == .disk { problems.append(Self.sizeless(unit)) }
        } else {
            problems.append(
                StorageError(
                    .unavailable, "No driver has made a block device of \(unit.hctl)",
                    subject: .device(unit.hctl.description)))
        }
        if let state = unit.state, !["running", "created"].contains(state) {
            problems.append(
                StorageError(
                    .unavailable, "The kernel says that \(unit.hctl) is \(state.printable)",
                    subject: .device(unit.hctl.description)))
        }
        definition.target = VolumeTarget(path: path)
        definition.key = key(of: unit, keys) ?? path
        let named = problems.map { Problem($0.about(.volume, definition.name)) }
        return Volume(definition, unit: try logicalUnit(unit), problems: named)
    }

    /// What JSON shows of a unit, with the path that it is.
    public func logicalUnit(_ unit: SCSIUnit) throws(StorageError) -> LogicalUnit {
        var logical = LogicalUnit(lun: unit.hctl.lun, deviceType: unit.deviceType ?? .other)
        logical.wwid = unit.wwid
        logical.serial = unit.serial
        logical.vendor = unit.inquiry?.vendor
        logical.product = unit.inquiry?.product
        logical.revision = unit.inquiry?.revision
        logical.hctl = unit.hctl.description
        logical.blockSize = unit.block?.logicalBlockSize
        logical.linksByPath = unit.udev?.links(in: UdevRecord.pathFolder) ?? []
        logical.linksByID = unit.udev?.links(in: UdevRecord.identityFolder) ?? []
        logical.multipath = try unit.block?.multipathMap()?.path
        logical.paths = [
            LogicalUnit.Path(device: unit.block?.name, state: unit.state, hctl: unit.hctl.description)
        ]
        return logical
    }

    private func key(of unit: SCSIUnit, _ style: KeyStyle) -> String? {
        guard let wwid = unit.wwid else { return nil }
        guard style == .unitAndPort, let port = unit.udev?[property: "ID_TARGET_PORT"] else { return wwid }
        return "\(wwid)_PORT\(port)"
    }

    private static func sizeless(_ unit: SCSIUnit) -> StorageError {
        StorageError(
            .backendFailure, "The kernel has no size for \(unit.hctl): the unit isn't ready, or can't be read",
            subject: .device(unit.hctl.description))
    }
}
