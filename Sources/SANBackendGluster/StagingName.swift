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
        let random = PrivateNumber.make()
        let long = beginning(for: name) + random
        return long.utf8.count <= longest ? long : "\(mark)\(random)"
    }

    /// What a name made for a volume begins with.
    static func beginning(for name: String) -> String { ".\(name)\(mark)" }

    /// Whether it is one that ``make(for:)`` has made: what looks like it, `.web.sanctl-backup`, is somebody's file.
    static func isOne(_ name: String) -> Bool {
        guard name.hasPrefix("."), let start = name.utf8.lastIndex(of: 0x2E), name[start...].hasPrefix(mark) else {
            return false
        }
        return PrivateNumber.isOne(name[start...].utf8.dropFirst(mark.utf8.count))
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
