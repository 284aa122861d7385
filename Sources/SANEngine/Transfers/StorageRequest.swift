import SANModel

/// One thing to do with an open volume, for one thread.
package enum StorageRequest: Sendable {
    /// Reads whole blocks into the chunk's buffer; `start` says where in it the chunk's own bytes are.
    case read(TransferChunk)
    /// Writes the chunk; what it doesn't have of its first and last block stays as it is.
    case write(TransferChunk)
    case zero(Range<UInt64>, Zeroing)
    /// Puts what was written on the medium.
    case flush

    /// How a range is made to read as zeros, or given back.
    package enum Zeroing: Sendable, Hashable {
        /// Deallocated, where the storage promises that it reads as zeros then (`WRITE SAME` with `UNMAP`, a hole).
        case punch
        /// Written, by the storage itself where it can.
        case write
        /// For `trim` only: what is read afterwards is the storage's affair.
        case discard

        /// The bytes of one request: small enough to end within any patience where zeros have to be sent.
        package var runLength: UInt64 { self == .discard ? 1 << 30 : 32 << 20 }
    }
}

/// An open volume that a few threads at once can work on with calls that block.
package protocol RequestTarget: Sendable {
    /// What the threads are called in `ps -L`, 15 bytes at most.
    var threadName: String { get }

    /// Does it, blocking.
    ///
    /// - Returns: how many bytes were written.
    /// - Throws: `unsupported` for a way to write zeros that it doesn't have, and what went wrong.
    func perform(_ request: StorageRequest) throws(StorageError) -> UInt64

    /// Why nobody waits any longer for a request that took more than the patience; a `timed_out`.
    func overdue(_ patience: Duration) -> StorageError

    /// Where there may be data, blocking: what is left out reads as zeros.
    ///
    /// - Returns: ranges within the given one, in order, that don't overlap.
    func data(in range: Range<UInt64>) throws(StorageError) -> [Range<UInt64>]

    /// Closes it: after this nobody asks for anything. Blocking; no request is under way.
    func close()
}

extension RequestTarget {
    /// All of it, where nobody keeps count of holes.
    package func data(in range: Range<UInt64>) -> [Range<UInt64>] { [range] }

    /// Nothing, for what closes with the value.
    package func close() {}
}
