public import SANModel

// The unit's name in /dev/disk/by-path, computed: what udev will call it, or should.
extension SCSIUnit {
    /// The unit's name in `/dev/disk/by-path` with our rules: udev's, but for the disk of a virtual port and one that udev has no name for.
    ///
    /// A name only, never an identity (L24): two sessions to one portal have the same.
    ///
    /// - Returns: nil for a unit that gets none.
    /// - Throws: `permission_denied`, `host_failure`.
    public func byPathName() throws(StorageError) -> String? {
        let path = try idPath()
        guard let fibre = try FCDiskPath(device: folder.path, on: folder.host) else { return path }
        return fibre.virtualPort != nil || path == nil ? fibre.name(idPath: path) : path
    }

    /// Udev's `ID_PATH` of the unit's block device, from sysfs as its `path_id` reads it (systemd 252, `udev-builtin-path_id.c`): the way from
    /// the bus to the unit, whatever the architecture (L28).
    ///
    /// - Returns: nil for a unit whose bus has no address to name (`scsi_debug`, FCoE over a virtual link), and for transports that aren't SCSI's
    ///   own (Hyper-V, IEEE 1394).
    /// - Throws: `permission_denied`, `host_failure`.
    public func idPath() throws(StorageError) -> String? {
        guard var way = try transportWay() else { return nil }
        var isPlaced = way.isPlaced
        var names = [way.name]
        while let folder = way.rest.current {
            switch try folder.linkText("subsystem").map({ $0.split(separator: "/").last ?? "" }) {
            case "pci":
                names.append("pci-\(folder.name)")
                isPlaced = true
                try way.rest.skip("pci")
            case "platform":
                names.append("platform-\(folder.name)")
                isPlaced = true
                try way.rest.skip("platform")
            case "virtio": try way.rest.skip("virtio")
            case "usb":
                // A hub's own device, `usb1`, has no port.
                if let dash = folder.name.firstIndex(of: "-") {
                    names.append("usb-0:\(folder.name[folder.name.index(after: dash)...])")
                    try way.rest.skip("usb")
                }
            case "ccw"?:
                names.append("ccw-\(folder.name)")
                isPlaced = true
                try way.rest.skip("ccw")
            case "acpi", "xen", "amba":
                let subsystem = try folder.linkText("subsystem")?.split(separator: "/").last ?? ""
                names.append("\(subsystem)-\(folder.name)")
                isPlaced = true
                try way.rest.skip(subsystem)
            default: break
            }
            way.rest.leave()
        }
        return isPlaced ? SCSIUnit.udevText(names.reversed().joined(separator: "-")) : nil
    }

    /// What the transport names, and where the walk up to the bus goes on.
    private struct Way {
        var name: String
        /// Whether the transport's name needs no bus before it.
        var isPlaced: Bool
        var rest: Ascent
    }

    /// The folders above a device, the nearest first.
    private struct Ascent {
        var current: SysfsFolder?

        /// - Parameter folder: of a device; its parents are those below `/sys/devices`.
        init(above folder: SysfsFolder) {
            current = folder
            leave()
        }

        mutating func leave() {
            guard let folder = current?.parent, folder.path.split(separator: "/").count > 2 else {
                current = nil
                return
            }
            current = folder
        }

        /// Goes to the last of the neighbours above that are in the same subsystem.
        mutating func skip(_ subsystem: some StringProtocol) throws(StorageError) {
            var next = self
            next.leave()
            while let folder = next.current, try folder.linkText("subsystem")?.hasSuffix("/\(subsystem)") == true {
                self = next
                next.leave()
            }
        }
    }

    private func transportWay() throws(StorageError) -> Way? {
        let parts = folder.path.split(separator: "/")
        func has(_ prefix: String) -> Bool { parts.contains { $0.hasPrefix(prefix) } }
        let lun = FCDiskPath.text(of: hctl.lun)
        let above = Ascent(above: folder)
        if has("rport-") {
            let known = try targetPort()
            let remote = try FCDiskPath(device: folder.path, on: folder.host)?.target
            guard let port = known ?? remote.map({ "0x\($0)" }) else { return nil }
            return Way(name: "fc-\(port)-lun-\(lun)", isPlaced: true, rest: above)
        }
        if has("end_device-") {
            return try sasName().map { Way(name: "\($0)-lun-\(lun)", isPlaced: true, rest: above) }
        }
        if let session = parts.last(where: { $0.hasPrefix("session") }) {
            guard let name = try iscsiName(session.dropFirst("session".count)) else { return nil }
            return Way(name: "\(name)-lun-\(lun)", isPlaced: true, rest: above)
        }
        guard !has("vmbus_"), !has("VMBUS"), try !folder["ieee1394_id"].exists(),
            let hostFolder = try SCSIHost(number: hctl.host, on: folder.host)?.folder
        else { return nil }
        let rest = Ascent(above: hostFolder)
        if has("ata") {
            let port = hostFolder.parent
            guard let number = try port["ata_port"][port.name].text("port_no") else { return nil }
            // Behind a port multiplier the channel tells the devices apart, on one cable the target.
            let device = hctl.channel != 0 ? "\(hctl.channel).0" : "\(hctl.target)"
            return Way(name: "ata-\(number).\(device)", isPlaced: false, rest: rest)
        }
        // Counted from the first host of the adapter, as the kernel gives numbers anew at each boot.
        let siblings = try hostFolder.parent.names().compactMap { SCSIHost.number(of: $0) }
        let first = siblings.min() ?? hctl.host
        let place = "\(hctl.host - min(first, hctl.host)):\(hctl.channel):\(hctl.target):\(hctl.lun.kernel)"
        return Way(name: "scsi-\(place)", isPlaced: false, rest: rest)
    }

    /// `ip-PORTAL-iscsi-TARGET`: the address that was logged in to, an IPv6 one without brackets.
    private func iscsiName(_ number: some StringProtocol) throws(StorageError) -> String? {
        let host = folder.host
        let session = SysfsFolder("/sys/class/iscsi_session/session\(number)", on: host)
        let connection = SysfsFolder("/sys/class/iscsi_connection/connection\(number):0", on: host)
        guard let target = try session.text("targetname"), let address = try connection.text("persistent_address"),
            let port = try connection.text("persistent_port")
        else { return nil }
        return "ip-\(address):\(port)-iscsi-\(target)"
    }

    /// `sas-phyN` on an HBA's port of one phy, `sas-exp0x…-phyN` on an expander's, `sas-0x…` on a wide port.
    private func sasName() throws(StorageError) -> String? {
        let device = folder.parent.parent
        let port = device.parent
        func attribute(_ name: String, _ place: SysfsFolder, _ subsystem: String) throws(StorageError) -> String? {
            try place[subsystem][place.name].text(name)
        }
        guard let count = try attribute("num_phys", port, "sas_port") else { return nil }
        guard count == "1" else {
            return try attribute("sas_address", device, "sas_device").map { "sas-\($0)" }
        }
        guard let phy = try attribute("phy_identifier", device, "sas_device") else { return nil }
        let expander = try attribute("sas_address", port.parent, "sas_device")
        return expander.map { "sas-exp\($0)-phy\(phy)" } ?? "sas-phy\(phy)"
    }

    /// As udev writes a link's name: everything but letters, digits, `#+-.:=@_` and characters beyond ASCII as `_`.
    private static func udevText(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    let isPlain =
                        !scalar.isASCII || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                        || "#+-.:=@_".unicodeScalars.contains(scalar)
                    return isPlain ? scalar : "_"
                }))
    }
}
