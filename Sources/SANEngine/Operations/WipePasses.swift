/// What a wipe algorithm writes over the whole of a volume, pass after pass; by the same passes as scrub(1), without reading back.
public struct WipePasses: Sendable, Hashable {
    public let passes: [WipePass]

    /// - Returns: nil for ``WipeAlgorithm/trim``, which writes nothing.
    public init?(_ algorithm: WipeAlgorithm) {
        func bytes(_ values: UInt8...) -> [WipePass] { values.map { .pattern([$0]) } }
        func random(_ count: Int) -> [WipePass] { Array(repeating: .random, count: count) }
        let thirds: [WipePass] = [[0x92, 0x49, 0x24], [0x49, 0x24, 0x92], [0x24, 0x92, 0x49]].map { .pattern($0) }
        switch algorithm {
        case .trim: return nil
        case .zero: passes = bytes(0)
        case .nnsa: passes = random(2) + bytes(0)
        case .dod: passes = random(1) + bytes(0, 0xFF)
        case .bsi: passes = bytes(0xFF, 0xFE, 0xFD, 0xFB, 0xF7, 0xEF, 0xDF, 0xBF, 0x7F)
        case .schneier: passes = bytes(0, 0xFF) + random(5)
        case .pfitzner7: passes = random(7)
        case .pfitzner33: passes = random(33)
        case .random: passes = random(1)
        case .gutmann:
            let sixteenths = (0...15).map { WipePass.pattern([UInt8($0 * 0x11)]) }
            let complements: [WipePass] = [[0x6D, 0xB6, 0xDB], [0xB6, 0xDB, 0x6D], [0xDB, 0x6D, 0xB6]].map {
                .pattern($0)
            }
            passes = random(4) + bytes(0x55, 0xAA) + thirds + sixteenths + thirds + complements + random(4)
        }
    }
}

/// One pass over a volume.
public enum WipePass: Sendable, Hashable {
    /// These bytes again and again: one of them, or three.
    case pattern([UInt8])
    /// Bytes that nobody can foretell from the ones before the pass; new ones for every buffer.
    case random

    /// Fills a buffer; its length is a multiple of the pattern's.
    public func fill(_ buffer: inout [UInt8], using generator: inout WipeGenerator) {
        switch self {
        case .pattern(let pattern):
            for index in buffer.indices { buffer[index] = pattern[index % pattern.count] }
        case .random:
            unsafe buffer.withUnsafeMutableBytes { bytes in
                var offset = 0
                while offset + 8 <= bytes.count {
                    unsafe bytes.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
                    offset += 8
                }
                while offset < bytes.count {
                    unsafe bytes[offset] = UInt8(truncatingIfNeeded: generator.next())
                    offset += 1
                }
            }
        }
    }
}

/// Random bytes fast enough for a disk (xoshiro256**, seeded by the system): for patterns, not for keys.
public struct WipeGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    public init() {
        var system = SystemRandomNumberGenerator()
        state = (system.next() | 1, system.next(), system.next(), system.next())
    }

    public mutating func next() -> UInt64 {
        func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }
}
