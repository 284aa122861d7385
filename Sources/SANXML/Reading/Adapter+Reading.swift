import SANModel

extension PoolSource.Adapter {
    static let known = KnownElement.first(
        "adapter",
        [
            "type", "name", "parent", "parent_wwnn", "parent_wwpn", "parent_fabric_wwn", "managed", "wwnn", "wwpn",
        ],
        [
            .first(
                "parentaddr", ["unique_id"], [.first("address", ["domain", "bus", "slot", "function", "addr"])])
        ])

    init(element: XMLElement) throws(StorageError) {
        switch try element.choice("type", of: AdapterType.self) {
        case .fibreChannelHost: self = .fibreChannel(try PoolSource.FibreChannel(element: element))
        case .scsiHost: try self.init(scsiHost: element)
        case nil:
            for name in ["wwnn", "wwpn", "parent"] where element.attribute(name) != nil {
                throw element.malformed("<adapter> with '\(name)' needs a type: add type='fc_host'")
            }
            try self.init(scsiHost: element)
        }
    }

    private init(scsiHost element: XMLElement) throws(StorageError) {
        switch (element.attribute("name"), element.child("parentaddr")) {
        case (let name?, nil): self = .scsiHost(name: name)
        case (nil, let parent?): try self.init(parent: parent)
        case (_?, _?):
            throw element.malformed("<adapter> has both a name and a <parentaddr>: leave one of them")
        case (nil, nil):
            throw element.malformed("<adapter> says no host: add name='scsi_hostN' or a <parentaddr>")
        }
    }

    private init(parent element: XMLElement) throws(StorageError) {
        let uniqueID = try element.attributeValue("unique_id", "the number in the host's unique_id file, 0 or more,") {
            UInt64(decimal: $0).flatMap(UInt32.init(exactly:))
        }
        guard let address = element.child("address") else {
            throw element.malformed(
                "<parentaddr> has no PCI address: add <address domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/>")
        }
        self = .parentAddress(try PCIAddress(element: address), uniqueID: uniqueID)
    }
}

/// The spellings of an adapter's type.
private enum AdapterType: String, CaseIterable {
    case scsiHost = "scsi_host"
    case fibreChannelHost = "fc_host"
}

extension PCIAddress {
    /// What is left out is 0, as for libvirt; `addr` is what documentation up to 8.0 calls `function`.
    fileprivate init(element: XMLElement) throws(StorageError) {
        let domain = try element.pciNumber("domain", upTo: UInt32.max)
        let bus = try element.pciNumber("bus", upTo: 0xFF)
        let slot = try element.pciNumber("slot", upTo: 0x1F)
        let function = try element.pciNumber("function", upTo: 7)
        let other = try element.pciNumber("addr", upTo: 7)
        guard function == nil || other == nil || function == other else {
            throw element.malformed("<address> has function and addr, and they differ: leave function")
        }
        let address = PCIAddress(
            domain: domain ?? 0, bus: UInt8(truncatingIfNeeded: bus ?? 0), slot: UInt8(truncatingIfNeeded: slot ?? 0),
            function: UInt8(truncatingIfNeeded: function ?? other ?? 0))
        guard let address, (address.domain, address.bus, address.slot, address.function) != (0, 0, 0, 0) else {
            throw element.malformed("The PCI address 0000:00:00.0 is no HBA's: give bus, slot and function")
        }
        self = address
    }
}

extension XMLElement {
    /// A number in hex with `0x`, or in decimal.
    fileprivate func pciNumber(_ name: String, upTo maximum: UInt32) throws(StorageError) -> UInt32? {
        try attributeValue(name, "a number up to 0x\(String(maximum, radix: 16)), as 0x1f or 31,") { text in
            let number: UInt32?
            if text.hasPrefix("0x") || text.hasPrefix("0X") {
                let digits = text.dropFirst(2)
                number = digits.allSatisfy(\.isHexDigit) ? UInt32(digits, radix: 16) : nil
            } else {
                number = UInt64(decimal: text).flatMap(UInt32.init(exactly:))
                // libvirt reads a leading 0 as octal: what would mean two things is refused.
                if text.hasPrefix("0"), number != UInt32(text, radix: 8) { return nil }
            }
            return number.flatMap { $0 <= maximum ? $0 : nil }
        }
    }

    /// A world wide name in an attribute.
    func wwn(_ name: String) throws(StorageError) -> WWN? {
        try attributeValue(name, "a WWN, 16 hex digits,") { WWN($0) }
    }
}

extension PoolSource.FibreChannel {
    init(element: XMLElement) throws(StorageError) {
        guard let wwnn = try element.wwn("wwnn"), let wwpn = try element.wwn("wwpn") else {
            throw element.malformed("An adapter of type 'fc_host' needs both wwnn and wwpn: add wwnn='…' wwpn='…'")
        }
        self.init(wwnn: wwnn, wwpn: wwpn)
        parent = element.attribute("parent")
        parentWWNN = try element.wwn("parent_wwnn")
        parentWWPN = try element.wwn("parent_wwpn")
        parentFabricWWN = try element.wwn("parent_fabric_wwn")
        managed = try element.yesOrNo("managed")
        guard (parentWWNN == nil) == (parentWWPN == nil) else {
            throw element.malformed("<adapter> has only one of parent_wwnn and parent_wwpn: give both or neither")
        }
    }
}
