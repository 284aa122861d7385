/// One pass over a whole volume.
public enum WipePass: Sendable, Hashable {
    /// Zeros, by the fastest way that makes every byte one.
    case zeros
    /// These bytes again and again from the beginning to the end: one of them, or three.
    case pattern([UInt8])
    /// Bytes that nobody can foretell from the ones before the pass.
    case random
    /// Everything is read, and must be this byte.
    case verify(UInt8)
    /// The space is given back.
    case deallocation
}

extension WipeAlgorithm {
    /// The passes of an algorithm, as `scrub(1)` documents them: libvirt has `scrub` wipe its local volumes.
    public var passes: [WipePass] {
        func bytes(_ values: UInt8...) -> [WipePass] { values.map { .pattern([$0]) } }
        func random(_ count: Int) -> [WipePass] { Array(repeating: .random, count: count) }
        return switch self {
        case .zero: [.zeros]
        case .trim: [.deallocation]
        case .random: random(1)
        case .nnsa: random(2) + bytes(0x00) + [.verify(0x00)]
        case .dod: random(1) + bytes(0x00, 0xFF) + [.verify(0xFF)]
        case .bsi: bytes(0xFF, 0xFE, 0xFD, 0xFB, 0xF7, 0xEF, 0xDF, 0xBF, 0x7F)
        case .schneier: bytes(0x00, 0xFF) + random(5)
        case .pfitzner7: random(7)
        case .pfitzner33: random(33)
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
