public import SANEngine
import SANHost
import SANModel
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Files and pipes for the local ends of transfers.
public enum LocalEnds {
    /// Bytes that tell where they are: each eight of them are their own offset, mixed with a salt.
    public static func pattern(_ count: Int, salt: UInt64 = 0x9E37_79B9_7F4A_7C15) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count {
                let word = (UInt64(index / 8) &+ 1) &* salt
                buffer[index] = UInt8(truncatingIfNeeded: word >> UInt64(index % 8 * 8))
            }
            initialized = count
        }
    }

    public static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }

    public static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            let size = Int(try file.seek(offset: 0, from: .end))
            var bytes = [UInt8](repeating: 0, count: size)
            var done = 0
            while done < size {
                let count = try bytes.withUnsafeMutableBytes { memory in
                    try file.read(
                        fromAbsoluteOffset: Int64(done), into: UnsafeMutableRawBufferPointer(rebasing: memory[done...]))
                }
                guard count > 0 else { break }
                done += count
            }
            return bytes
        }
    }

    /// In bytes.
    public static func size(_ path: FilePath) throws -> UInt64 {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter { UInt64(try file.seek(offset: 0, from: .end)) }
    }

    /// What its blocks take, in bytes.
    public static func allocation(_ path: FilePath) throws -> UInt64 {
        var status = stat()
        guard unsafe lstat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        return UInt64(status.st_blocks) * 512
    }

    public static func reading(_ path: FilePath) throws -> DataEnd {
        DataEnd(descriptor: try .open(path, .readOnly), isSeekable: true, name: path.string)
    }

    public static func writing(_ path: FilePath) throws -> DataEnd {
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .truncate], permissions: [.ownerReadWrite])
        return DataEnd(descriptor: file, isSeekable: true, name: path.string)
    }
}

/// Runs a call that blocks on a thread of its own, for the other ends of pipes.
public func withThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withBlockingThread(named: "test-pipe", until: .never, waitingFor: "the pipe") {
        () throws(StorageError) -> Result<Value, any Error> in
        Poll.blockBrokenPipeSignal()
        return Result { try body() }
    }.get()
}
