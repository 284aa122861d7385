import FoundationEssentials
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A private Ceph cluster of one monitor and one OSD that keeps its objects in memory, on loopback, in a folder and on ports of its own.
///
/// ``shared`` is started once for all suites and ends with the process; each test takes a namespace of its own in the pool `rbd`.
public final class CephCluster: Sendable {
    public static let address = "127.0.0.1"
    /// A user who may do everything with images, as a hypervisor has one.
    public static let user = "libvirt"

    /// Of the monitor's second version of the messenger.
    public let port: UInt16
    /// Of the first.
    public let legacyPort: UInt16
    /// The key of ``user``, in base 64.
    public let key: String
    public let folder: TemporaryFolder
    private let monitor: LeashedProcess
    private let storage: LeashedProcess
    private let manager = Mutex<LeashedProcess?>(nil)

    private static let starting = Task {
        let cluster = try await withThread { try CephCluster() }
        live.withLock { $0 = cluster }
        // A static value is never freed: its processes would end with this one, and its folder would stay.
        atexit { CephCluster.live.withLock { $0?.end() } }
        return cluster
    }
    private static let live = Mutex<CephCluster?>(nil)

    /// Has the process end after the cluster, and before the libraries that are loaded by now take themselves apart.
    ///
    /// librados 16.2 aborts the process where exit(3) destroys what a call still uses that nobody waits for any more ("boost::bad_get").
    public static func leaveLibrariesWhole() {
        #if canImport(Glibc)
            on_exit(
                { status, _ in
                    CephCluster.live.withLock { $0?.end() }
                    fflush(nil)
                    _exit(status)
                }, nil)
        #endif
    }

    /// The cluster that all suites use.
    public static var shared: CephCluster { get async throws { try await starting.value } }

    /// - Throws: what is missing: a package, or a server that doesn't come up.
    public init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        let port = try FreePort.find(CephCluster.address)
        let legacyPort = try FreePort.find(CephCluster.address)
        (self.port, self.legacyPort) = (port, legacyPort)
        let keys = (0..<5).map { _ in CephCluster.newKey() }
        key = keys[3]
        let fsid = UUID().uuidString.lowercased()
        try CephCluster.write(CephCluster.configuration(folder, fsid, port, legacyPort), folder.appending("ceph.conf"))
        try CephCluster.write(CephCluster.keyring(keys), folder.appending("keyring"))
        let configuration = folder.appending("ceph.conf").string
        func run(_ arguments: String...) throws { try CephCluster.run(arguments, folder) }
        for name in ["mon", "osd", "mgr", "crash"] { mkdir(folder.appending(name).string, 0o700) }
        try run(
            "/usr/bin/monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a",
            "[v2:\(CephCluster.address):\(port),v1:\(CephCluster.address):\(legacyPort)]",
            folder.appending("monmap").string)
        try run(
            "/usr/bin/ceph-mon", "-c", configuration, "--mkfs", "-i", "a", "--monmap",
            folder.appending("monmap").string, "--keyring", folder.appending("keyring").string)
        monitor = try LeashedProcess(
            ["/usr/bin/ceph-mon", "-c", configuration, "-f", "-i", "a"], environment: [],
            log: folder.appending("mon.out"))
        let ceph = ["/usr/bin/ceph", "-c", configuration, "--connect-timeout", "60"]
        try CephCluster.run(ceph + ["osd", "create"], folder)
        try CephCluster.run(ceph + ["osd", "crush", "add", "osd.0", "1.0", "root=default"], folder)
        try run(
            "/usr/bin/ceph-osd", "-c", configuration, "--mkfs", "-i", "0", "--osd-uuid",
            UUID().uuidString.lowercased())
        storage = try LeashedProcess(
            ["/usr/bin/ceph-osd", "-c", configuration, "-f", "-i", "0"], environment: [],
            log: folder.appending("osd.out"))
        // A client that asks before there is an OSD asks again only every five seconds.
        for _ in 0..<600 {
            let said = try CephCluster.run(ceph + ["osd", "stat", "-f", "json"], folder)
            if said.contains("\"num_up_osds\":1") { break }
            usleep(50_000)
        }
        try CephCluster.run(ceph + ["osd", "pool", "create", "rbd", "8"], folder)
        try CephCluster.run(ceph + ["osd", "pool", "application", "enable", "rbd", "rbd"], folder)
    }

    deinit {
        end()
    }

    /// Ends the servers at once: there is nothing to lose.
    private func end() {
        manager.withLock { $0?.end() }
        storage.end()
        monitor.end()
        try? FileManager.default.removeItem(atPath: folder.path.string)  // a leftover hurts nobody
    }

    /// Starts the manager, which counts what pools hold, unless it runs: without it the cluster's figures stay 0.
    public func startManager() throws {
        try manager.withLock { manager in
            guard manager == nil else { return }
            manager = try LeashedProcess(
                ["/usr/bin/ceph-mgr", "-c", folder.appending("ceph.conf").string, "-f", "-i", "x"], environment: [],
                log: folder.appending("mgr.out"))
        }
    }

    /// Makes the OSD hang: it keeps its connections and answers nothing.
    public func pauseStorage() { storage.signal(SIGSTOP) }

    public func resumeStorage() { storage.signal(SIGCONT) }

    /// Makes the monitor hang the same way.
    public func pauseMonitor() { monitor.signal(SIGSTOP) }

    public func resumeMonitor() { monitor.signal(SIGCONT) }

    /// Runs `ceph`, as the administrator.
    ///
    /// - Returns: what it printed.
    @discardableResult
    public func ceph(_ arguments: String...) throws -> String {
        try CephCluster.run(["/usr/bin/ceph", "-c", folder.appending("ceph.conf").string] + arguments, folder)
    }

    /// Runs `rbd`, as the administrator.
    @discardableResult
    public func rbd(_ arguments: String...) throws -> String { try rbd(words: arguments) }

    @discardableResult
    public func rbd(words arguments: [String]) throws -> String {
        try CephCluster.run(["/usr/bin/rbd", "-c", folder.appending("ceph.conf").string] + arguments, folder)
    }

    /// Runs `rados`, as the administrator.
    @discardableResult
    public func rados(_ arguments: String...) throws -> String {
        try CephCluster.run(["/usr/bin/rados", "-c", folder.appending("ceph.conf").string] + arguments, folder)
    }

    /// A namespace in the pool `rbd` that nobody else uses.
    public func newNamespace() throws -> String {
        let name = "n" + UUID().uuidString.lowercased().prefix(8)
        try rbd("namespace", "create", "rbd/\(name)")
        return name
    }

    // MARK: Below

    @discardableResult
    private static func run(_ arguments: [String], _ folder: TemporaryFolder) throws -> String {
        let output = folder.appending("out-\(UUID().uuidString)")
        let pid = try Spawn.start(
            arguments, environment: ["CEPH_ARGS="], log: output, package: "ceph-mon ceph-osd ceph-mgr ceph-common")
        let status = Spawn.wait(pid)
        let text = String(decoding: try LocalEnds.read(output), as: UTF8.self)
        guard status == 0 else {
            throw CephClusterFailure("\(arguments.joined(separator: " ")) ended with \(status): \(text.suffix(2000))")
        }
        return text
    }

    private static func write(_ text: String, _ path: FilePath) throws {
        try LocalEnds.write(Array(text.utf8), to: path)
    }

    /// Type 1, a time that doesn't matter, 16 bytes of key.
    private static func newKey() -> String {
        var generator = SystemRandomNumberGenerator()
        let header: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0]
        return Data(header + (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }).base64EncodedString()
    }

    private static func keyring(_ keys: [String]) -> String {
        func entry(_ name: String, _ key: String, _ rights: String...) -> String {
            "[\(name)]\n\tkey = \(key)\n" + rights.map { "\tcaps \($0)\n" }.joined()
        }
        return entry("mon.", keys[0], "mon = \"allow *\"")
            + entry("client.admin", keys[1], "mon = \"allow *\"", "osd = \"allow *\"", "mgr = \"allow *\"")
            + entry("osd.0", keys[2], "mon = \"allow profile osd\"", "osd = \"allow *\"", "mgr = \"allow profile osd\"")
            + entry(
                "client.\(user)", keys[3], "mon = \"profile rbd\"", "osd = \"profile rbd\"", "mgr = \"profile rbd\"")
            + entry("mgr.x", keys[4], "mon = \"allow profile mgr\"", "osd = \"allow *\"")
    }

    private static func configuration(
        _ folder: TemporaryFolder, _ fsid: String, _ port: UInt16, _ legacyPort: UInt16
    ) -> String {
        """
        [global]
        fsid = \(fsid)
        mon_host = [v2:\(address):\(port),v1:\(address):\(legacyPort)]
        mon_initial_members = a
        public_addr = \(address)
        cluster_addr = \(address)
        auth_cluster_required = cephx
        auth_service_required = cephx
        auth_client_required = cephx
        auth_allow_insecure_global_id_reclaim = false
        keyring = \(folder.path)/keyring
        run_dir = \(folder.path)
        log_file = \(folder.path)/$name.log
        admin_socket = \(folder.path)/$name.$pid.asok
        crash_dir = \(folder.path)/crash
        osd_pool_default_size = 1
        osd_pool_default_min_size = 1
        osd_pool_default_pg_num = 8
        osd_pool_default_pgp_num = 8
        osd_pool_default_pg_autoscale_mode = off
        mon_allow_pool_size_one = true
        mon_allow_pool_delete = true
        mon_max_pg_per_osd = 1000
        osd_crush_chooseleaf_type = 0
        [mon]
        mon_data = \(folder.path)/mon
        paxos_propose_interval = 0.05
        paxos_min_wait = 0.01
        mon_cluster_log_file = \(folder.path)/cluster.log
        mon_warn_on_pool_no_redundancy = false
        [osd]
        osd_data = \(folder.path)/osd
        osd_objectstore = memstore
        memstore_device_bytes = 4294967296
        osd_memory_target = 939524096
        osd_op_num_shards = 2
        osd_op_num_threads_per_shard = 1
        osd_delete_sleep = 0
        [mgr]
        mgr_data = \(folder.path)/mgr
        mgr_initial_modules =
        mgr_tick_period = 1
        mgr_stats_period = 1
        [client]
        admin_socket =
        log_file =

        """
    }
}

/// Why the cluster can't be had, or what one of its programs said.
public struct CephClusterFailure: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
