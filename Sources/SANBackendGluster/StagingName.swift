import SANImages
import SANModel

/// The name that a file has while it is made: `.NAME.sanctl-RANDOM`.
///
/// Gluster puts a file on the brick that its name's hash leads to, and takes a name of this form for `NAME` (`cluster.rsync-hash-regex`): when it
/// gets its own name it is where it belongs already.
enum StagingName {
    private static let mark = ".sanctl-"
    /// A name of Gluster has 255 bytes at most.
    private static let longest = 255

    static func make(for name: String) -> String {
        let random = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let long = ".\(name)\(mark)\(random)"
        return long.utf8.count <= longest ? long : "\(mark)\(random)"
    }

    static func isOne(_ name: String) -> Bool {
        guard name.hasPrefix("."), let start = name.utf8.lastIndex(of: 0x2E) else { return false }
        return name[start...].hasPrefix(mark)
    }

    /// The name of a volume, fit to be a file's.
    ///
    /// - Throws: `invalid_argument`.
    static func checked(_ name: String) throws(StorageError) -> String {
        let text = try FileName(name).text
        guard !isOne(text) else {
            throw StorageError(
                .invalidArgument, "'\(text)' is a name that files have while sanctl makes them", subject: .volume(text))
        }
        return text
    }

    static func isUsable(_ name: String) -> Bool { FileName.isUsable(name) && !isOne(name) }
}
