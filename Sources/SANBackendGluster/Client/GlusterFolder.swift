import CGlusterFS
import SANModel
import Synchronization

/// An open folder of a volume, whose entries many threads take; every call blocks, and the folder is closed with the value.
@safe
final class GlusterFolder: Sendable {
    /// The address of the library's `struct glfs_fd`.
    private let address: UInt
    /// For messages.
    private let uri: String
    /// Whether there is no more to take; held while entries are taken, as the library's position is one for all.
    private let isAtEnd = Mutex(false)

    init(adopting folder: OpaquePointer, uri: String) {
        address = UInt(bitPattern: folder)
        self.uri = uri
    }

    deinit {
        unsafe GlusterVolume.release(address) { _ = unsafe san_gluster_close_folder($0) }
    }

    /// The next entries, with what the bricks say of each (READDIRP), but `.` and `..`: each goes to one thread only.
    ///
    /// - Returns: nil at the end, and after an error.
    func take(_ count: Int) throws(StorageError) -> GlusterEntries? {
        try isAtEnd.withLock { (isAtEnd) throws(StorageError) -> GlusterEntries? in
            guard !isAtEnd, let folder = unsafe OpaquePointer(bitPattern: address) else { return nil }
            isAtEnd = true
            var list = GlusterEntries.List()
            var name = [CChar](repeating: 0, count: 1024)
            while list.count < count {
                guard try unsafe append(from: folder, to: &list, &name) else { return GlusterEntries(list) }
            }
            isAtEnd = false
            return GlusterEntries(list)
        }
    }

    /// - Parameter name: room for one.
    /// - Returns: whether there was one more.
    private func append(
        from folder: OpaquePointer, to list: inout GlusterEntries.List, _ name: inout [CChar]
    ) throws(StorageError) -> Bool {
        var status = san_gluster_status()
        var hasStatus: Int32 = 0
        var entry: OpaquePointer?
        let code = unsafe name.withUnsafeMutableBufferPointer { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_gluster_next(folder, start, bytes.count, &status, &hasStatus, &entry)
        }
        guard try check(code, cannot: "list", uri) > 0 else { return false }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        if bytes == [0x2E] || bytes == [0x2E, 0x2E] {
            if let entry = unsafe entry { unsafe san_gluster_free_entry(entry) }
        } else {
            unsafe list.append(bytes, hasStatus == 0 ? nil : GlusterStatus(status), entry)
        }
        return true
    }
}
