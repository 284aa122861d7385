import SANEngine
import SANHost
import SANModel
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The user's end of an upload or download.
struct TransferFile: Sendable {
    let end: DataEnd
    let isStandardOutput: Bool
    /// Whether zeros that are left out read as zeros: a regular file that was just emptied, not a device with old data.
    let mayHaveHoles: Bool
    private let isRegular: Bool
    private let isOurs: Bool
    private let contents: Contents

    /// What a file held before it was opened.
    private final class Contents: Sendable {
        let areKept: Atomic<Bool>

        init(areKept: Bool) { self.areKept = Atomic(areKept) }
    }

    /// Opens what is uploaded; `-` is standard input, a FIFO is waited for.
    ///
    /// - Throws: `not_found`, `permission_denied`, `invalid_argument` for a folder, `host_failure`, `cancelled`.
    static func reading(_ name: String, _ console: Console) async throws(StorageError) -> TransferFile {
        if name == "-" {
            return try TransferFile(console.input, "standard input", isOurs: false, isStandardOutput: false)
        }
        return try await open(name, .readOnly, [.closeOnExec])
    }

    /// Opens what is downloaded to, or makes it with mode 0600; `-` is standard output.
    ///
    /// What is in it stays until ``emptying`` is called.
    static func writing(_ name: String) async throws(StorageError) -> TransferFile {
        if name == "-" {
            return try TransferFile(.standardOutput, "standard output", isOurs: false, isStandardOutput: true)
        }
        return try await open(name, .writeOnly, [.create, .closeOnExec])
    }

    private static func open(
        _ name: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions
    ) async throws(StorageError) -> TransferFile {
        try await withBlockingThread(named: "san-open", until: .never, waitingFor: name) { () throws(StorageError) in
            let descriptor: FileDescriptor
            do {
                descriptor = try FileDescriptor.open(
                    FilePath(name), mode, options: options, permissions: .ownerReadWrite)
            } catch {
                throw StorageError(reading: name, error as? Errno ?? .ioError)
            }
            do throws(StorageError) {
                return try TransferFile(descriptor, name, isOurs: true, isStandardOutput: false)
            } catch {
                try? descriptor.close()  // the error is told already
                throw error
            }
        } abandoned: {
            $0.close()
        }
    }

    private init(
        _ descriptor: FileDescriptor, _ name: String, isOurs: Bool, isStandardOutput: Bool
    ) throws(StorageError) {
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
            throw StorageError(reading: name, Errno(rawValue: errno))
        }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFDIR else { throw StorageError(reading: name, .isDirectory) }
        // A shell's redirection may stand in the middle of its file: then it is read and written in order, from there.
        let isAtStart = lseek(descriptor.rawValue, 0, SEEK_CUR) == 0
        let appends = fcntl(descriptor.rawValue, F_GETFL) & O_APPEND != 0
        let isRegular = kind == S_IFREG
        end = DataEnd(
            descriptor: descriptor, isSeekable: (isRegular || kind == S_IFBLK) && isAtStart && !appends, name: name)
        contents = Contents(areKept: isRegular && isOurs && status.st_size > 0)
        mayHaveHoles = isRegular && isAtStart && !appends && (isOurs || status.st_size == 0)
        self.isRegular = isRegular
        self.isOurs = isOurs
        self.isStandardOutput = isStandardOutput
    }

    /// Empties a regular file that has something in it; nil for everything else.
    var emptying: (@Sendable () throws(StorageError) -> Void)? {
        guard contents.areKept.load(ordering: .relaxed) else { return nil }
        return { [end, contents] () throws(StorageError) in
            do {
                try end.descriptor.resize(to: 0)
            } catch {
                throw StorageError(reading: end.name, error as? Errno ?? .ioError)
            }
            contents.areKept.store(false, ordering: .relaxed)
        }
    }

    /// Closes a file that was only read, or whose error is told already.
    func close() {
        if isOurs { try? end.descriptor.close() }  // nothing hangs on it any more
    }

    /// Closes a file that was written.
    ///
    /// - Throws: `host_failure`: a file system may tell of a failed write only now.
    func closeChecked() throws(StorageError) {
        guard isOurs else { return }
        do {
            try end.descriptor.close()
        } catch {
            throw StorageError(reading: end.name, error as? Errno ?? .ioError)
        }
    }

    /// The error of a failed download, saying what it left; closes the file.
    func leaving(_ error: StorageError, done: ByteCount) -> StorageError {
        close()
        let left =
            if contents.areKept.load(ordering: .relaxed) {
                "is as it was"
            } else if done == 0, isStandardOutput {
                "got nothing"
            } else if done == 0 {
                isRegular ? "is empty" : "may have been written to in part"
            } else {
                "\(isStandardOutput ? "got" : "holds") the first \(done.bytes) bytes only"
            }
        return error.adding(
            cause: StorageError(.invalidState, "\(end.name.printable) \(left)", subject: .path(end.name)))
    }
}
