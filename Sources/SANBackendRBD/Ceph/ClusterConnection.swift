import CCeph
import SANEngine
import SANHost
import SANModel
import Synchronization

/// A client of a cluster with one pool and namespace open.
///
/// librados's handles may be used by any number of threads; only the closing of them must be last. Every call's closure holds the
/// connection, so it closes itself when the last call has ended. The handles are kept as numbers: the class has no mutable state of its own.
@safe
final class ClusterConnection: Sendable {
    /// `rados_t`.
    private let cluster: UInt
    /// `rados_ioctx_t`.
    private let context: UInt
    /// The cluster's UUID.
    let fsid: String
    let poolID: Int64
    let source: RBDSource
    /// `rados_ioctx_t` of the pools that images keep their data in, by the pools' numbers.
    private let dataContexts = Mutex<[Int64: UInt]>([:])
    /// Decided when everything is closed.
    let ended = FirstResult<Void>()

    private init(cluster: UInt, context: UInt, fsid: String, poolID: Int64, source: RBDSource) {
        self.cluster = cluster
        self.context = context
        self.fsid = fsid
        self.poolID = poolID
        self.source = source
    }

    deinit {
        let (cluster, ended) = (cluster, ended)
        let contexts = dataContexts.withLock { Array($0.values) } + [context]
        // Waits for the monitors where the connection is bad.
        OneShotThread.start(name: "san-rados-end") {
            for context in contexts {
                unsafe CephLibrary.functions.rados_ioctx_destroy(UnsafeMutableRawPointer(bitPattern: context))
            }
            unsafe CephLibrary.functions.rados_shutdown(UnsafeMutableRawPointer(bitPattern: cluster))
            ended.finish(.success(()))
        }
    }

    /// `rados_ioctx_t`, for one call.
    @unsafe var ioContext: rados_ioctx_t? { unsafe UnsafeMutableRawPointer(bitPattern: context) }

    /// `rados_ioctx_t` of a pool, with the same namespace, for one call; nil where there is no such pool.
    ///
    /// - Parameter pool: its number; nil for the connection's own.
    @unsafe func ioContext(of pool: Int64?) -> rados_ioctx_t? {
        guard let pool, pool != poolID else { return unsafe ioContext }
        if let known = dataContexts.withLock({ $0[pool] }) { return unsafe UnsafeMutableRawPointer(bitPattern: known) }
        // Not under the lock: for a pool that is deleted it waits for the monitors, without a time-out (16.2).
        let functions = unsafe CephLibrary.functions
        var made: rados_ioctx_t?
        guard unsafe functions.rados_ioctx_create2(handle, pool, &made) >= 0, let new = unsafe made else { return nil }
        unsafe functions.rados_set_pool_full_try(new)
        if !source.namespace.isEmpty { unsafe functions.rados_ioctx_set_namespace(new, source.namespace) }
        let number = UInt(bitPattern: new)
        let kept = dataContexts.withLock { contexts in
            let kept = contexts[pool] ?? number
            contexts[pool] = kept
            return kept
        }
        // Another thread was faster.
        if kept != number { unsafe functions.rados_ioctx_destroy(new) }
        return unsafe UnsafeMutableRawPointer(bitPattern: kept)
    }
    /// `rados_t`, for one call.
    @unsafe var handle: rados_t? { unsafe UnsafeMutableRawPointer(bitPattern: cluster) }

    /// What the cluster counts this client as.
    var clientID: UInt64 { unsafe CephLibrary.functions.rados_get_instance_id(handle) }

    // MARK: Connecting

    /// libvirt's settings, in its order; a pool's own options come after them.
    ///
    /// librbd's cache would only copy what is moved once.
    private static func settings(of source: RBDSource) -> [(name: String, value: String)] {
        [
            ("auth_supported", source.authentication == nil ? "none" : "cephx"),
            ("mon_host", source.monitors.joined(separator: ",")),
            ("client_mount_timeout", "30"), ("rados_mon_op_timeout", "30"), ("rados_osd_op_timeout", "30"),
            ("rbd_default_format", "2"), ("rbd_cache", "false"),
            // What it would say comes back as an error.
            ("log_to_stderr", "false"), ("err_to_stderr", "false"),
        ]
    }

    /// Connects and opens the pool; blocks up to `client_mount_timeout`, 30 seconds unless the pool's options say otherwise.
    ///
    /// No file is read for it, neither `ceph.conf` nor the environment.
    ///
    /// - Parameter key: nil without cephx.
    /// - Throws: `invalid_argument` for an option that librados refuses, `authentication_failed`, `not_found` for a pool or namespace that
    ///   isn't there, `timed_out` where no monitor answers, `unavailable`, `backend_failure`.
    static func open(_ source: RBDSource, key: CephKey?) throws(StorageError) -> ClusterConnection {
        let cluster = try unsafe connected(source, key)
        do throws(StorageError) {
            return try unsafe openPool(cluster, source)
        } catch {
            unsafe CephLibrary.functions.rados_shutdown(cluster)
            throw error
        }
    }

    /// A client that is connected; `rados_shutdown` is its caller's.
    ///
    /// - Parameter options: set last.
    @unsafe static func connected(
        _ source: RBDSource, _ key: CephKey?, _ options: [(name: String, value: String)] = []
    ) throws(StorageError) -> rados_t {
        try CephLibrary.require()
        let functions = unsafe CephLibrary.functions
        var cluster: rados_t?
        let created = unsafe functions.rados_create(&cluster, source.authentication?.username)
        guard created >= 0, let made = unsafe cluster else {
            throw CephFailure(created).error(cannot: "make a client of Ceph")
        }
        do throws(StorageError) {
            try unsafe configure(made, source, key)
            for (name, value) in options {
                let result = unsafe functions.rados_conf_set(made, name, value)
                guard result >= 0 else { throw CephFailure(result).error(cannot: "set Ceph's option \(name)") }
            }
            try unsafe takeSettings(made)
            let connected = unsafe functions.rados_connect(made)
            guard connected >= 0 else { throw connectFailure(CephFailure(connected), source) }
            return unsafe made
        } catch {
            unsafe functions.rados_shutdown(made)
            throw error
        }
    }

    @unsafe private static func configure(
        _ cluster: rados_t, _ source: RBDSource, _ key: CephKey?
    ) throws(StorageError) {
        let functions = unsafe CephLibrary.functions
        if let key {
            // One copy, which is overwritten.
            var text = [CChar](repeating: 0, count: key.text.withBytes { $0.count } + 1)
            defer { for index in text.indices { text[index] = 0 } }
            key.text.withBytes { span in
                for index in span.indices { text[index] = CChar(bitPattern: span[index]) }
            }
            guard unsafe functions.rados_conf_set(cluster, "key", text) >= 0 else {
                throw StorageError(.invalidArgument, "librados doesn't take the key")
            }
        }
        for (name, value) in settings(of: source) {
            let result = unsafe functions.rados_conf_set(cluster, name, value)
            guard result >= 0 else { throw CephFailure(result).error(cannot: "set Ceph's option \(name)") }
        }
        for option in source.options {
            let result = unsafe functions.rados_conf_set(cluster, option.name, option.value)
            guard result >= 0 else {
                // The value may be a key.
                let isUnknown = CephFailure(result).errno == .noSuchFileOrDirectory
                let why = isUnknown ? "it knows no such option" : "a bad value"
                throw StorageError(
                    .invalidArgument, "librados refuses the rbd option '\(option.name.printable)': \(why)")
            }
        }
    }

    /// Has librados act on what was set: until it reads a file, it keeps to its first ideas of where to log (16.2).
    @unsafe private static func takeSettings(_ cluster: rados_t) throws(StorageError) {
        let result = unsafe CephLibrary.functions.rados_conf_read_file(cluster, "/dev/null")  // not the host's
        guard result >= 0 else { throw CephFailure(result).error(cannot: "configure a client of Ceph") }
    }

    /// Asks one monitor, by one version of the messenger, whether it refuses the key.
    ///
    /// As long as one address of several gives no answer, librados goes on asking all of them, and never says that another one has refused it
    /// (`MonClient::handle_auth_bad_method` of 16.2: it gives up when nothing is pending). Blocks some seconds.
    ///
    /// - Returns: nil where it lets the client in, or doesn't answer.
    static func refusal(of source: RBDSource, key: CephKey?, at address: String) -> StorageError? {
        let functions = unsafe CephLibrary.functions
        var cluster: rados_t?
        guard unsafe functions.rados_create(&cluster, source.authentication?.username) >= 0, let made = unsafe cluster
        else { return nil }
        defer { unsafe functions.rados_shutdown(made) }
        do throws(StorageError) {
            try unsafe configure(made, source, key)
        } catch {
            return nil
        }
        for (name, value) in [("mon_host", address), ("client_mount_timeout", "3")] {
            guard unsafe functions.rados_conf_set(made, name, value) >= 0 else { return nil }
        }
        guard unsafe functions.rados_conf_read_file(made, "/dev/null") >= 0 else { return nil }  // not the host's
        let error = connectFailure(CephFailure(unsafe functions.rados_connect(made)), source)
        return error.code == .authenticationFailed ? error : nil
    }

    private static func connectFailure(_ failure: CephFailure, _ source: RBDSource) -> StorageError {
        let monitors = source.monitors.joined(separator: ", ").printable
        let user = source.authentication.map { "client.\($0.username)".printable }
        switch failure.errno {
        case .permissionDenied, .notPermitted:
            return StorageError(
                .authenticationFailed,
                user.map { "The cluster at \(monitors) refuses the key of \($0): check the user and its secret" }
                    ?? "The cluster at \(monitors) wants a user and a key: add <auth type='ceph' …> to the source",
                subject: .host(monitors))
        case .notSupported:
            return StorageError(
                .authenticationFailed,
                "The cluster at \(monitors) and the pool don't agree on how to authenticate: with cephx or without",
                subject: .host(monitors))
        case .timedOut:
            return StorageError(
                .timedOut, "No monitor at \(monitors) let \(user ?? "a client") in: nobody answers there",
                subject: .host(monitors))
        default:
            return failure.error(cannot: "connect to the cluster at \(monitors)").about(.host, monitors)
        }
    }

    @unsafe private static func openPool(
        _ cluster: rados_t, _ source: RBDSource
    ) throws(StorageError) -> ClusterConnection {
        let functions = unsafe CephLibrary.functions
        var text = [CChar](repeating: 0, count: 64)
        let asked = unsafe functions.rados_cluster_fsid(cluster, &text, text.count)
        guard asked >= 0 else { throw CephFailure(asked).error(cannot: "ask the cluster for its fsid") }
        let fsid = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var context: rados_ioctx_t?
        let opened = unsafe functions.rados_ioctx_create(cluster, source.pool, &context)
        guard opened >= 0, let made = unsafe context else {
            if CephFailure(opened).errno == .noSuchFileOrDirectory {
                throw StorageError(.notFound, "The cluster has no pool '\(source.pool.printable)'")
            }
            throw CephFailure(opened).error(cannot: "open the Ceph pool '\(source.pool.printable)'")
        }
        // Else each change of a pool that is full, or at its quota, waits until there is room, and what makes room does, too. librbd takes it
        // over for the pool of an image's data (`util::create_ioctx` of 16.2).
        unsafe functions.rados_set_pool_full_try(made)
        do throws(StorageError) {
            if !source.namespace.isEmpty { try unsafe enterNamespace(made, source) }
        } catch {
            unsafe functions.rados_ioctx_destroy(made)
            throw error
        }
        return unsafe ClusterConnection(
            cluster: UInt(bitPattern: cluster), context: UInt(bitPattern: made), fsid: fsid.printable,
            poolID: functions.rados_ioctx_get_id(made), source: source)
    }

    @unsafe private static func enterNamespace(_ context: rados_ioctx_t, _ source: RBDSource) throws(StorageError) {
        let functions = unsafe CephLibrary.functions
        var exists = false
        let asked = unsafe functions.rbd_namespace_exists(context, source.namespace, &exists)
        // A user whose rights end at the namespace can't read the list of them: whether it exists is seen when it is used.
        if asked < 0, CephFailure(asked).storageCode != .permissionDenied {
            throw CephFailure(asked).error(cannot: "look for the namespace '\(source.namespace.printable)'")
        }
        guard asked < 0 || exists else {
            throw StorageError(
                .notFound,
                "The Ceph pool '\(source.pool.printable)' has no namespace '\(source.namespace.printable)'")
        }
        unsafe functions.rados_ioctx_set_namespace(context, source.namespace)
    }
}
