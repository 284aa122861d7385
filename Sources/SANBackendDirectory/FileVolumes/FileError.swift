import SANModel
import SystemPackage

extension StorageError {
    /// What a system call on a file answered, as an error: the one place where errno is mapped.
    ///
    /// - Parameters:
    ///   - code: a positive errno.
    ///   - action: what failed, after "Can't": `open it`.
    init(errno code: Int32, cannot action: String, path: String) {
        let errno = Errno(rawValue: code)
        let shown = path.printable
        let reason = "\(errno)"
        let (kind, remedy): (Code, String) =
            switch errno {
            case .noSuchFileOrDirectory: (.notFound, "")
            case .fileExists: (.alreadyExists, "")
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: (.permissionDenied, "")
            case .noSpace, .diskQuotaExceeded: (.hostFailure, ": make room and try again")
            case .resourceBusy, .textFileBusy: (.busy, ": something on this host uses it")
            case .notSupported: (.unsupported, " by its file system")
            case .tooManySymbolicLinkLevels, .improperLink:
                (.permissionDenied, ": a link is in the way, and links aren't followed here")
            case .directoryNotEmpty: (.invalidState, ": move or delete what is in it first")
            default: (.hostFailure, "")
            }
        self.init(kind, "Can't \(action) '\(shown)': \(reason)\(remedy)", subject: .path(shown))
    }
}

/// Turns the `-errno` of a call into an error.
@discardableResult
func check<Number: FixedWidthInteger & SignedInteger>(
    _ result: Number, cannot action: @autoclosure () -> String, _ path: @autoclosure () -> String
) throws(StorageError) -> Number {
    guard result >= 0 else {
        throw StorageError(errno: Int32(truncatingIfNeeded: -result), cannot: action(), path: path())
    }
    return result
}
