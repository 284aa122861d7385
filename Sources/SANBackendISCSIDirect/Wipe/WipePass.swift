import SANEngine

/// One pass over a whole volume.
enum WipePass: Sendable, Hashable {
    /// Zeros, by the fastest command that writes them.
    case zeros
    /// Bytes repeated from the volume's beginning to its end.
    case pattern([UInt8])
    case random
    /// Everything is read, and must be this byte.
    case verify(UInt8)
    /// Deallocation of every block.
    case deallocation
}

extension WipeAlgorithm {
    /// The passes of an algorithm, as `scrub(1)` documents them: libvirt has `scrub` wipe its local volumes.
    var passes: [WipePass] {
        switch self {
        case .zero: [.zeros]
        case .trim: [.deallocation]
        case .random: [.random]
        case .nnsa: [.random, .random, .pattern([0x00]), .verify(0x00)]
        case .dod: [.random, .pattern([0x00]), .pattern([0xFF]), .verify(0xFF)]
        case .bsi: [0xFF, 0xFE, 0xFD, 0xFB, 0xF7, 0xEF, 0xDF, 0xBF, 0x7F].map { .pattern([$0]) }
        case .schneier: [.pattern([0x00]), .pattern([0xFF])] + Array(repeating: .random, count: 5)
        case .pfitzner7: Array(repeating: .random, count: 7)
        case .pfitzner33: Array(repeating: .random, count: 33)
        case .gutmann: WipeAlgorithm.gutmannPasses
        }
    }

    /// Table 1 of Gutmann's "Secure Deletion of Data from Magnetic and Solid-State Memory" (1996), in the table's order.
    private static let gutmannPasses: [WipePass] = {
        let random = Array(repeating: WipePass.random, count: 4)
        let mfm: [[UInt8]] = [[0x92, 0x49, 0x24], [0x49, 0x24, 0x92], [0x24, 0x92, 0x49]]
        let rll: [[UInt8]] = [[0x6D, 0xB6, 0xDB], [0xB6, 0xDB, 0x6D], [0xDB, 0x6D, 0xB6]]
        let nibbles = (0..<16).map { [UInt8($0 * 0x11)] }
        return random + ([[0x55], [0xAA]] + mfm + nibbles + mfm + rll).map { .pattern($0) } + random
    }()
}
