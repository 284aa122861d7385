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

    /// Fills all of the memory.
    @unsafe public mutating func fill(_ memory: UnsafeMutableRawBufferPointer) {
        var offset = 0
        while offset + 8 <= memory.count {
            unsafe memory.storeBytes(of: next(), toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < memory.count {
            unsafe memory[offset] = UInt8(truncatingIfNeeded: next())
            offset += 1
        }
    }
}
