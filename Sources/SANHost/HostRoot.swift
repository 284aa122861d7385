public import SANModel
public import SystemPackage

/// The root of the host's files: `/` on a real host, a captured tree in tests.
///
/// The only way from a path of the host to a file.
public struct HostRoot: Sendable, Hashable {
    public let root: FilePath

    /// - Parameter root: an absolute path.
    public init(_ root: FilePath) {
        self.root = root
    }

    /// Where a file of the host is: `/sys/class` is `ROOT/sys/class`.
    ///
    /// `..` can't lead out of the root.
    ///
    /// - Throws: `invalid_argument` for a relative path and for one with a NUL.
    public func resolve(_ path: String) throws(StorageError) -> FilePath {
        FilePath(try resolvedText(path))
    }

    /// ``resolve(_:)`` as text, for what opens a file per question: a `FilePath` costs more to make than sysfs takes to answer.
    package func resolvedText(_ path: String) throws(StorageError) -> String {
        guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else {
            throw StorageError(
                .invalidArgument, "'\(path.printable)' isn't an absolute path", subject: .path(path.printable))
        }
        if root == "/" { return path }
        guard HostPath.mayLeadUp(path) else { return root.string + path }
        guard let inside = root.lexicallyResolving(FilePath(String(path.drop { $0 == "/" }))) else {
            throw StorageError(
                .invalidArgument, "The path leads out of the host's root", subject: .path(path.printable))
        }
        return inside.string
    }
}
