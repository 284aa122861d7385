import Glibc
public import SANModel
public import SystemPackage

extension StorageError {
    /// What the kernel said about a file, as our error: `not_found`, `permission_denied`, else `host_failure`.
    ///
    /// - Parameters:
    ///   - action: a verb and its object, for "Can't `action`: …".
    public static func system(_ errno: Errno, _ action: String, at path: FilePath) -> StorageError {
        let code: Code =
            switch errno {
            case .noSuchFileOrDirectory: .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem, .tooManySymbolicLinkLevels: .permissionDenied
            default: .hostFailure
            }
        let remedy =
            switch errno {
            case .tooManySymbolicLinkLevels: ": it is a link, and links aren't followed here"
            case .noSpace, .diskQuotaExceeded: ": make room and try again"
            default: ""
            }
        return StorageError(
            code, "Can't \(action) \(path.string.printable): \(errno)\(remedy)", subject: .path(path.string.printable))
    }

    /// The same with `errno` as the last call left it; called right after the call.
    static func lastCall(_ action: String, at path: FilePath) -> StorageError {
        system(Errno(rawValue: errno), action, at: path)
    }
}
