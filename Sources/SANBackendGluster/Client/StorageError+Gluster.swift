import SANModel
import SystemPackage

extension StorageError {
    /// What a call of libgfapi answered, as an error: the one place where its errno is mapped.
    ///
    /// - Parameters:
    ///   - code: a positive errno.
    ///   - action: what failed, after "Can't": `open`.
    ///   - path: the URI of what it failed on.
    init(gluster code: Int32, cannot action: String, path: String) {
        let errno = Errno(rawValue: code)
        let (kind, remedy): (Code, String) =
            switch errno {
            case .noSuchFileOrDirectory, .staleNFSFileHandle: (.notFound, "")
            case .fileExists: (.alreadyExists, "")
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: (.permissionDenied, "")
            case .noSpace, .diskQuotaExceeded: (.backendFailure, ": make room on the volume and try again")
            case .notSupported, .noFunction: (.unsupported, ": the bricks' file systems can't do that")
            case .directoryNotEmpty: (.invalidState, ": move or delete what is in it first")
            case .resourceBusy, .resourceTemporarilyUnavailable: (.busy, ": another client uses it")
            case .socketNotConnected, .connectionRefused, .connectionReset, .brokenPipe, .hostIsDown, .noRouteToHost,
                .networkUnreachable:
                (.unavailable, ": a brick of the volume is down; 'gluster volume status' shows which")
            case .timedOut: (.timedOut, "")
            default: (.backendFailure, "")
            }
        self.init(kind, "Can't \(action) '\(path.printable)': \(errno)\(remedy)", subject: .path(path.printable))
    }
}

/// Turns the `-errno` of a call into an error.
@discardableResult
func check<Number: FixedWidthInteger & SignedInteger>(
    _ result: Number, cannot action: @autoclosure () -> String, _ path: @autoclosure () -> String
) throws(StorageError) -> Number {
    guard result >= 0 else {
        throw StorageError(gluster: Int32(truncatingIfNeeded: -result), cannot: action(), path: path())
    }
    return result
}
