public import SANModel

extension WWN {
    /// How a locally made name is built (FC-FS-3, 16).
    public enum Format: String, Sendable, Hashable, CaseIterable {
        /// `5`, the OUI, 36 bits: what libvirt makes.
        case registered = "5"
        /// `2`, 12 bits, the OUI, 24 bits, for arrays and switches that take no name of format 5 for a host's port.
        case extended = "2"
    }

    /// The OUI of libvirt's generated names on KVM hosts, Qumranet's.
    private static let organisation: UInt64 = 0x001A4A

    /// A name that isn't one of those.
    public static func generated(
        _ format: Format = .registered, avoiding taken: Set<WWN>,
        using generator: inout some RandomNumberGenerator
    ) -> WWN {
        while true {
            let bits = UInt64.random(in: 0...(1 << 36 - 1), using: &generator)
            let name: WWN =
                switch format {
                case .registered: WWN(0x5 << 60 | organisation << 36 | bits)
                case .extended: WWN(0x2 << 60 | (bits >> 24) << 48 | organisation << 24 | bits & 0xFF_FFFF)
                }
            if !taken.contains(name) { return name }
        }
    }
}
