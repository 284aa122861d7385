import CLinux
import Glibc
import SANModel
import SystemPackage

/// A program's standard input as a file without a name, in memory.
///
/// Unlike a pipe it can't fill up, and a program that ends without reading it doesn't send us SIGPIPE, which would end the whole process.
enum InputFile {
    /// An open file at its start; whoever gets it closes it.
    ///
    /// - Throws: `host_failure`.
    static func make(of bytes: [UInt8]) throws(StorageError) -> FileDescriptor {
        let raw = unsafe san_memory_file_create("sanctl-input")
        guard raw >= 0 else { throw failure(Errno(rawValue: -raw)) }
        let descriptor = FileDescriptor(rawValue: raw)
        do {
            try descriptor.writeAll(bytes)
            try descriptor.seek(offset: 0, from: .start)
            return descriptor
        } catch {
            close(raw)
            throw failure(error as? Errno ?? .ioError)
        }
    }

    private static func failure(_ error: Errno) -> StorageError {
        StorageError(.hostFailure, "Can't prepare a program's input: \(error)")
    }
}
