import Glibc
import Synchronization

/// The value of a secret: can't be printed, compared by accident or put into JSON, and is wiped when it goes.
public final class SecretBytes: Sendable {
    private let storage: Mutex<[UInt8]>

    /// Takes a copy; the caller wipes its own (``wipe(_:)``).
    public init(_ bytes: some Sequence<UInt8>) {
        storage = Mutex(Array(bytes))
    }

    deinit {
        storage.withLock { Self.wipe(&$0) }
    }

    /// The number of bytes.
    public var count: Int { storage.withLock { $0.count } }

    /// Lends the bytes for one call; they must not be kept.
    public func withBytes<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try storage.withLock { bytes throws(Failure) in try body(bytes.span) }
    }

    /// Overwrites a buffer in a way that the compiler can't leave out (`explicit_bzero(3)`).
    public static func wipe(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe explicit_bzero(start, buffer.count)
        }
    }
}
