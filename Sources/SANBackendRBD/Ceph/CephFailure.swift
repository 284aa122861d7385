import SANModel
import SystemPackage

/// A negative errno that librados or librbd returned.
struct CephFailure: Sendable, Hashable {
    /// Positive.
    let code: Int32

    init(_ result: Int32) {
        code = result == .min ? .max : -result
    }

    init(_ result: Int) {
        self.init(Int32(clamping: result))
    }

    var errno: Errno { Errno(rawValue: code) }

    /// Whether work on an image that ends with it wasn't begun, where nothing was told of its progress.
    var refusesWork: Bool {
        [
            .noSuchFileOrDirectory, .notPermitted, .permissionDenied, .resourceBusy, .readOnlyFileSystem,
            .invalidArgument,
        ].contains(errno)
    }

    /// The same of a cut, which ends with the header's change and not with telling of progress.
    var refusesCut: Bool { [.resourceBusy, .readOnlyFileSystem, .invalidArgument].contains(errno) }

    /// What it means for a call that wasn't a connect.
    ///
    /// The numbers are Linux's: EBLOCKLISTED is ESHUTDOWN (108), see Ceph's `include/rados.h`.
    var storageCode: StorageError.Code {
        switch errno {
        case .noSuchFileOrDirectory: .notFound
        case .fileExists: .alreadyExists
        case .permissionDenied, .notPermitted: .permissionDenied
        case .timedOut: .timedOut
        case .resourceBusy, .readOnlyFileSystem: .busy
        case .notSupported, .noFunction: .unsupported
        case .socketNotConnected, .connectionRefused, .networkUnreachable, .noRouteToHost: .unavailable
        case Errno(rawValue: 108): .unavailable
        case .canceled: .cancelled
        default: .backendFailure
        }
    }

    /// - Parameters:
    ///   - action: what couldn't be done: "open the image 'v'".
    ///   - source: in what pool, and as who.
    ///   - dataPool: another Ceph pool that has the image's data.
    func error(
        cannot action: String, in source: RBDSource? = nil, dataPool: @autoclosure () -> String? = nil
    ) -> StorageError {
        StorageError(storageCode, "Can't \(action): \(meaning(in: source, dataPool))")
    }

    private func meaning(in source: RBDSource?, _ dataPool: () -> String?) -> String {
        var pools: String {
            guard let source else { return "the Ceph pool" }
            guard let other = dataPool() else { return "the Ceph pool '\(source.pool.printable)'" }
            return "the Ceph pool '\(source.pool.printable)', or '\(other.printable)' with the image's data"
        }
        switch errno {
        case .noSpace: return "no room in \(pools): delete what isn't needed any more, or add disks to the cluster"
        case .diskQuotaExceeded:
            return
                "no room in \(pools), at its quota: delete what isn't needed any more, or raise it with 'ceph osd pool set-quota'"
        case .notPermitted, .permissionDenied:
            guard let user = source?.authentication.map({ "client.\($0.username)".printable }) else { break }
            return
                "\(meaning); give the Ceph user '\(user)' its rights to \(pools) (and to those of what a clone stands on): 'ceph auth get \(user)' shows them, 'ceph auth caps' sets them"
        default: break
        }
        return meaning
    }

    private var meaning: String {
        switch code {
        case 30: "another client has it locked"
        case 108: "the cluster has blocklisted this client; stop and start the pool"
        case 110: "the cluster didn't answer in time"
        default: "\(errno)"
        }
    }
}
