import CLinux
import SANEngine
import SANHost
import SANModel
import SystemPackage

/// A private folder of this host in which a program makes an image.
struct ImageDraft: Sendable {
    private let folder: FilePath
    let image: FilePath

    /// - Throws: `permission_denied`, `host_failure`, `timed_out`.
    static func make(on host: HostRoot, until deadline: Deadline) async throws(StorageError) -> ImageDraft {
        let name = "sanctl-" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let folder = try host.resolve("/var/tmp").appending(name)
        try await withBlockingThread(
            named: "san-gluster", until: deadline, waitingFor: "a private folder",
            { () throws(StorageError) in try LocalFolder(folder).create(mode: 0o700) },
            abandoned: { _ in _ = unsafe san_file_remove(-1, folder.string, 1) })
        return ImageDraft(folder: folder, image: folder.appending("image"))
    }

    /// The overlay that QEMU reads an origin's start from.
    var frozen: FilePath { folder.appending("frozen") }
    /// What stands in for a backing file.
    var zeros: FilePath { folder.appending("zeros") }

    func freeze(_ overlay: [UInt8]) async throws(StorageError) {
        let frozen = frozen
        try await withUninterruptedThread(named: "san-gluster") { () throws(StorageError) in
            try AtomicFile(frozen, isDurable: false).write(overlay)
        }
    }

    /// Makes a file that reads as zeros.
    func makeZeros(_ length: ByteCount) async throws(StorageError) {
        let zeros = zeros
        try await withUninterruptedThread(named: "san-gluster") { () throws(StorageError) in
            do {
                let file = try FileDescriptor.open(
                    zeros, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
                try file.closeAfter { try file.resize(to: Int64(clamping: length.bytes)) }
            } catch {
                throw StorageError(
                    .hostFailure, "Can't make '\(zeros.string.printable)': \(error)",
                    subject: .path(zeros.string.printable))
            }
        }
    }

    /// The image, to be read.
    func opened() async throws(StorageError) -> TransferEnd {
        let image = image
        return try await withUninterruptedThread(named: "san-gluster") { () throws(StorageError) in
            do {
                let file = try FileDescriptor.open(image, .readOnly, options: [.closeOnExec, .noFollow])
                let end = Result { () throws(StorageError) in
                    try TransferEnd(DataEnd(descriptor: file, isSeekable: true, name: image.string))
                }
                try file.close()
                return try end.get()
            } catch let error as StorageError {
                throw error
            } catch {
                throw StorageError(
                    .hostFailure, "Can't read the new image '\(image.string.printable)': \(error)",
                    subject: .path(image.string.printable))
            }
        }
    }

    /// Removes all of it; what can't be removed is below `/var/tmp`, which is tidied up from time to time.
    func remove() async {
        let (folder, files) = (folder, [image, frozen, zeros])
        do throws(StorageError) {
            try await withUninterruptedThread(named: "san-gluster") { () throws(StorageError) in
                for file in files { _ = unsafe san_file_remove(-1, file.string, 0) }
                _ = unsafe san_file_remove(-1, folder.string, 1)
            }
        } catch {
            return
        }
    }
}
