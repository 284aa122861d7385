import SANModel

extension SCSIUnit {
    /// Which port of which target the unit is behind.
    ///
    /// An iSCSI target's name with its portal group, a Fibre Channel port's name, else the place on the SCSI host's bus.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func portIdentity() throws(StorageError) -> String {
        if let session = iSCSISession() {
            if let name = try session.text("targetname") { return "\(name),\(try session.text("tpgt") ?? "")" }
        }
        if let name = try targetPort() { return name }
        return "target\(hctl.host):\(hctl.channel):\(hctl.target)"
    }

    /// Whom the target's port takes this host for; with the port it is what LUN numbers mean something within.
    ///
    /// A storage array may give one LUN to each initiator under a number of its own: to two HBAs, or to an HBA and a vHBA on it.
    ///
    /// - Returns: an iSCSI initiator's name, a Fibre Channel port's; nil for other transports.
    /// - Throws: `permission_denied`, `host_failure`.
    public func initiatorIdentity() throws(StorageError) -> String? {
        if let name = try iSCSISession()?.text("initiatorname") { return name }
        return try SysfsFolder("/sys/class/fc_host", on: folder.host).target(of: "host\(hctl.host)")?.text("port_name")
    }

    private func iSCSISession() -> SysfsFolder? {
        folder.path.split(separator: "/").first { $0.hasPrefix("session") }
            .map { SysfsFolder("/sys/class/iscsi_session/\($0)", on: folder.host) }
    }
}
