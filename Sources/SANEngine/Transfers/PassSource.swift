/// The pieces of a pass that writes.
package struct PassSource: PieceSource {
    private let pass: WipePass
    private let capacity: UInt64
    private let geometry: TransferGeometry
    private var position: UInt64 = 0
    /// One buffer for each place where a chunk may begin in the pattern; nobody changes them once they are filled.
    private var patterns: [Int: TransferBuffer] = [:]
    private var free: [TransferBuffer] = []
    private var generator = WipeGenerator()

    package init(_ pass: WipePass, over geometry: TransferGeometry) {
        self.pass = pass
        self.geometry = geometry
        capacity = geometry.capacity
    }

    package mutating func next() -> TransferRing.Next {
        guard position < capacity else { return .ended }
        switch pass {
        case .zeros, .deallocation, .verify:
            defer { position = capacity }
            return .chunk(TransferChunk(offset: position, length: capacity - position, buffer: nil))
        case .pattern(let bytes):
            return .chunk(chunk(in: patternBuffer(bytes, phase: Int(position % UInt64(bytes.count)))))
        case .random:
            let buffer = free.popLast() ?? TransferBuffer(count: geometry.chunk)
            unsafe buffer.withBytes { memory in unsafe generator.fill(memory) }
            return .chunk(chunk(in: buffer))
        }
    }

    package mutating func release(_ buffer: TransferBuffer) {
        if case .random = pass { free.append(buffer) }
    }

    private mutating func chunk(in buffer: TransferBuffer) -> TransferChunk {
        let end = min(capacity, geometry.chunkEnd(after: position))
        defer { position = end }
        return TransferChunk(offset: position, length: end - position, buffer: buffer)
    }

    private mutating func patternBuffer(_ bytes: [UInt8], phase: Int) -> TransferBuffer {
        if let buffer = patterns[phase] { return buffer }
        let buffer = TransferBuffer((0..<geometry.chunk).map { bytes[($0 + phase) % bytes.count] })
        patterns[phase] = buffer
        return buffer
    }
}
