import CGlusterFS
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the bricks and the server tell beside the files.
extension GlusterVolume {
    /// Whether a file is open, whoever has opened it: what one of its bricks has (`glusterfs.open-fd-count`, which is 0 or 1 in glusterfs 10.3).
    ///
    /// - Returns: nil where the bricks don't tell.
    /// - Throws: what keeps it from being told: EIO (`backend_failure`) for a file in split-brain, ENOTCONN (`unavailable`) where too many bricks are down,
    ///   `not_found` (each seen with replica 2 and 3, glusterfs 10.3).
    func isOpen(_ path: String) throws(StorageError) -> Bool? {
        guard let text = try text(of: "glusterfs.open-fd-count", at: path) else { return nil }
        guard let count = UInt64(text) else {
            throw StorageError(
                .backendFailure,
                "A brick says '\(String(text.prefix(64)).printable)' of how often '\(shown(path).printable)' is open",
                subject: .path(shown(path).printable))
        }
        return count > 0
    }

    /// The bricks of the volume that the client doesn't reach.
    ///
    /// - Throws: what keeps it from being told.
    func missingBricks() throws(StorageError) -> [BrickList.Missing] {
        let file = try volumeFile()
        guard !file.isEmpty else { return [] }
        return BrickList(volumeFile: file).missing(from: try text(of: "glusterfs.pathinfo", at: "/") ?? "")
    }

    /// Whether its files are pieces (`features.shard`).
    ///
    /// The space behind the end of such a file isn't given back by a cut to the same length, and counts for nothing (seen with glusterfs 10.3).
    func isSharded() throws(StorageError) -> Bool {
        String(decoding: try volumeFile(), as: UTF8.self).contains("type features/shard")
    }

    /// What the server has told the client of the volume; empty where it doesn't.
    private func volumeFile() throws(StorageError) -> [UInt8] {
        var file = [CChar](repeating: 0, count: 1 << 20)
        let connection = try unsafe connection
        let count = unsafe file.withUnsafeMutableBufferPointer { bytes -> Int64 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_gluster_volume_file(connection, start, bytes.count)
        }
        return file.prefix(Int(max(0, count))).map { UInt8(bitPattern: $0) }
    }

    /// - Returns: nil where the volume doesn't know the attribute: a brick asks its file system for it then, which answers EOPNOTSUPP for
    ///   `glusterfs.…` and ENODATA for `user.…` and `trusted.…` (glusterfs 10.3 on overlayfs).
    func text(of attribute: String, at path: String) throws(StorageError) -> String? {
        var value = [UInt8](repeating: 0, count: 64 << 10)
        let connection = try unsafe connection
        let count = unsafe value.withUnsafeMutableBytes { bytes -> Int64 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_gluster_attribute(connection, path, attribute, start, bytes.count)
        }
        if count == -Int64(ENODATA) || count == -Int64(ENOTSUP) { return nil }
        try check(count, cannot: "look at", shown(path))
        return String(decoding: value.prefix(Int(count)).prefix { $0 != 0 }, as: UTF8.self)
    }
}
