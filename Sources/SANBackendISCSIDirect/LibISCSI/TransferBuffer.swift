/// A page-aligned piece of memory with a fixed address, which libiscsi reads from and writes to while a command is under way.
///
/// Only whoever holds it at the moment touches its bytes: the source's thread fills it, hands it over with its chunk, and gets it back
/// through the ring when the command has ended. The address is kept as a number: the class has no mutable state of its own.
final class TransferBuffer: Sendable {
    private let address: UInt
    let count: Int

    /// Filled with zeros.
    init(count: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: count < 4096 ? 16 : 4096)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        address = UInt(bitPattern: memory)
        self.count = count
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        unsafe withBytes { memory in unsafe memory.copyBytes(from: bytes) }
    }

    deinit {
        unsafe UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
    }

    /// Lends the memory for one call; the pointer may be kept by libiscsi only while the buffer is in a flight.
    @unsafe func withBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let memory = unsafe UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address), count: count)
        return try unsafe body(memory)
    }

    /// A copy of the first bytes.
    func bytes(_ length: Int) -> [UInt8] {
        unsafe withBytes { memory in unsafe Array(memory.prefix(length)) }
    }
}
