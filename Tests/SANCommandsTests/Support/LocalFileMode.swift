import SANHost
import SystemPackage

enum LocalFileMode {
    /// The permission bits of a file.
    static func of(_ path: String) throws -> UInt32? {
        try LocalFile(FilePath(path)).status().map { $0.permissions & 0o777 }
    }
}
