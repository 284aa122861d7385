import CGlusterFS
import SANModel

/// What the bricks and the server tell beside the files.
extension GlusterVolume {
    /// How often a file is open, whoever has opened it: a brick's own count.
    ///
    /// - Returns: nil where the bricks don't tell (`glusterfs.open-fd-count`, glusterfs 10.3).
    /// - Throws: `not_found`, `unavailable`.
    func openCount(of path: String) throws(StorageError) -> Int? {
        do throws(StorageError) {
            return Int(try text(of: "glusterfs.open-fd-count", at: path))
        } catch  where error.code == .unsupported || error.code == .backendFailure {
            return nil
        }
    }

    /// The bricks of the volume that the client doesn't reach.
    ///
    /// - Throws: what keeps it from being told.
    func missingBricks() throws(StorageError) -> [BrickList.Missing] {
        var file = [CChar](repeating: 0, count: 1 << 20)
        let connection = try unsafe connection
        let count = unsafe file.withUnsafeMutableBufferPointer { bytes -> Int64 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_gluster_volume_file(connection, start, bytes.count)
        }
        guard count > 0 else { return [] }
        let bricks = BrickList(volumeFile: file.prefix(Int(count)).map { UInt8(bitPattern: $0) })
        return bricks.missing(from: try text(of: "glusterfs.pathinfo", at: "/"))
    }

    private func text(of attribute: String, at path: String) throws(StorageError) -> String {
        var value = [UInt8](repeating: 0, count: 64 << 10)
        let connection = try unsafe connection
        let count = unsafe value.withUnsafeMutableBytes { bytes -> Int64 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_gluster_attribute(connection, path, attribute, start, bytes.count)
        }
        try check(count, cannot: "look at", shown(path))
        return String(decoding: value.prefix(Int(count)).prefix { $0 != 0 }, as: UTF8.self)
    }
}
