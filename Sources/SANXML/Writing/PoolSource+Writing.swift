public import SANModel

extension PoolSource {
    /// `<sources>`, as find-sources prints them.
    public static func xml(of sources: [PoolSource], type: PoolType) -> String {
        var writer = XMLWriter()
        writer.container("sources") { writer in
            for source in sources { source.write(to: &writer) }
        }
        return writer.text
    }

    /// A `<source>` document.
    public var xml: String {
        var writer = XMLWriter()
        write(to: &writer)
        return writer.text
    }

    func write(to writer: inout XMLWriter) {
        writer.container("source", foreign: foreign) { writer in
            for host in hosts { writer.empty("host", ["name": host.name, "port": host.port.map { String($0) }]) }
            for device in devices { device.write(to: &writer) }
            writer.value("dir", "path", directory)
            adapter?.write(to: &writer)
            writer.leaf("name", name)
            writer.container("initiator", isNeeded: initiator != nil) { $0.value("iqn", "name", initiator) }
            writer.value("format", "type", format)
            authentication?.write(to: &writer)
            writer.value("protocol", "ver", protocolVersion)
            writer.value("vendor", "name", vendor)
            writer.value("product", "name", product)
        }
    }
}

extension PoolSource.Device {
    fileprivate func write(to writer: inout XMLWriter) {
        let attributes: XMLWriter.Attributes = ["path": path, "part_separator": partitionSeparator?.yesOrNo]
        guard !freeExtents.isEmpty else {
            writer.empty("device", attributes)
            return
        }
        writer.container("device", attributes) { writer in
            for extent in freeExtents { extent.write(to: &writer, as: "freeExtent") }
        }
    }
}

extension Extent {
    func write(to writer: inout XMLWriter, as name: String) {
        writer.empty(name, ["start": start.description, "end": end.description])
    }
}

extension PoolSource.Authentication {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("auth", ["type": kind.rawValue, "username": username]) { secret.write(to: &$0, type: nil) }
    }
}

extension SecretReference {
    func write(to writer: inout XMLWriter, type: String?) {
        switch self {
        case .uuid(let uuid): writer.empty("secret", ["type": type, "uuid": uuid.description])
        case .usage(let usage): writer.empty("secret", ["type": type, "usage": usage])
        }
    }
}

extension PoolSource.Adapter {
    fileprivate func write(to writer: inout XMLWriter) {
        switch self {
        case .scsiHost(let name): writer.empty("adapter", ["type": "scsi_host", "name": name])
        case .parentAddress(let address, let uniqueID):
            writer.container("adapter", ["type": "scsi_host"]) { writer in
                writer.container("parentaddr", ["unique_id": uniqueID.map { String($0) }]) { address.write(to: &$0) }
            }
        case .fibreChannel(let adapter): adapter.write(to: &writer)
        }
    }
}

extension PCIAddress {
    fileprivate func write(to writer: inout XMLWriter) {
        func hex(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value, radix: 16)
            return "0x" + String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        writer.empty(
            "address",
            ["domain": hex(domain, 4), "bus": hex(bus, 2), "slot": hex(slot, 2), "function": hex(function, 1)])
    }
}

extension PoolSource.FibreChannel {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.empty(
            "adapter",
            [
                "type": "fc_host", "parent": parent, "parent_wwnn": parentWWNN?.description,
                "parent_wwpn": parentWWPN?.description, "parent_fabric_wwn": parentFabricWWN?.description,
                "managed": managed?.yesOrNo, "wwnn": wwnn.description, "wwpn": wwpn.description,
            ])
    }
}
