public import SANModel

// Which unit it is by the names it gives itself, and the way to it.
extension SCSIUnit {
    /// Whether one of the names that the unit gives itself is this one, as `scsi_id` spells it; nil where it gives itself none.
    ///
    /// Which of several designators is the best is a matter of taste, and two programs may differ in it (L03).
    public func answers(to wwid: String) -> Bool? {
        var names = identification?.identities ?? []
        if let serial, let inquiry { names.append(inquiry.identity(serial: serial)) }
        return names.isEmpty ? nil : names.name(wwid)
    }

    /// The portal that the unit's iSCSI session is connected to, `10.0.0.1:3260`; nil for other transports.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func portal() throws(StorageError) -> String? {
        let session = folder.path.split(separator: "/").first { part in
            part.hasPrefix("session") && UInt64(decimal: part.dropFirst(7)) != nil
        }
        guard let number = session?.dropFirst(7) else { return nil }
        let connection = "connection\(number):0"
        guard
            let attributes = try SysfsFolder("/sys/class/iscsi_connection", on: folder.host).target(of: connection),
            let address = try attributes.text("persistent_address"),
            let port = try attributes.number("persistent_port").flatMap({ UInt16(exactly: $0) })
        else { return nil }
        return Portal(host: address, port: port).description
    }

    /// The name of the target's Fibre Channel port, `0x500a09…`; nil for other transports.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func targetPort() throws(StorageError) -> String? {
        let targets = SysfsFolder("/sys/class/fc_transport", on: folder.host)
        return try targets.target(of: "target\(hctl.host):\(hctl.channel):\(hctl.target)")?.text("port_name")
    }
}

extension [String] {
    /// Whether one of these names of a unit, as `scsi_id` spells them, is the WWID that somebody has of it.
    ///
    /// Udev asks an ATA disk by ATA's own command, and has its model and serial number without the prefix of SCSI's designator (SAT-5 12.4.2):
    /// `QEMU_HARDDISK_a3` for `1ATA_QEMU_HARDDISK_a3`. So has multipathd, which asks udev.
    func name(_ wwid: String) -> Bool { contains(wwid) || contains("1ATA_" + wwid) }
}
