/// A page-aligned piece of memory with a fixed address, which the kernel or a library reads from and writes to while a command is under way.
///
/// Only whoever holds it at the moment touches its bytes: the source's thread fills it, hands it over with its chunk, and gets it back
/// through the ring when the command has ended. The address is kept as a number: the class has no mutable state of its own.
package final class TransferBuffer: Sendable {
    private let address: UInt
    package let count: Int

    /// Filled with zeros.
    package init(count: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: count < 4096 ? 16 : 4096)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        address = UInt(bitPattern: memory)
        self.count = count
    }

    package convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        unsafe withBytes { memory in unsafe memory.copyBytes(from: bytes) }
    }

    deinit {
        unsafe UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
    }

    /// Lends the memory for one call; the pointer may be kept by whoever carries out a command only until it has ended.
    @unsafe package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let memory = unsafe UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address), count: count)
        return try unsafe body(memory)
    }

    /// A copy of the first bytes.
    package func bytes(_ length: Int) -> [UInt8] {
        unsafe withBytes { memory in unsafe Array(memory.prefix(length)) }
    }
}
