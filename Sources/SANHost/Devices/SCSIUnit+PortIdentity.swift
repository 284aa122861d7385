import SANModel

extension SCSIUnit {
    /// Which port of which target the unit is behind: LUN numbers mean something within it only.
    ///
    /// An iSCSI target's name with its portal group, a Fibre Channel port's name, else the place on the SCSI host's bus.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func portIdentity() throws(StorageError) -> String {
        if let session = folder.path.split(separator: "/").first(where: { $0.hasPrefix("session") }) {
            let attributes = SysfsFolder("/sys/class/iscsi_session/\(session)", on: folder.host)
            if let name = try attributes.text("targetname") { return "\(name),\(try attributes.text("tpgt") ?? "")" }
        }
        if let name = try targetPort() { return name }
        return "target\(hctl.host):\(hctl.channel):\(hctl.target)"
    }
}
