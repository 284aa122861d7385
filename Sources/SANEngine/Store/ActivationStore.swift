public import SANHost
public import SANModel
public import SystemPackage

/// What the backends did to this host for a pool and have to undo when it stops: a file for each pool below `<runtime>/activations`.
///
/// It is written before the host is changed, so that what a killed process left is known; it counts in the boot that wrote it only.
public struct ActivationStore: Sendable {
    private let folder: FilePath
    private let host: HostRoot

    private static let suffix = ".act"
    private static let limit = 1 << 20

    /// - Parameter runtime: the engine's runtime folder.
    public init(runtime: FilePath, host: HostRoot) {
        folder = runtime.appending("activations")
        self.host = host
    }

    /// What was noted for a pool; nil where there is nothing, or it is of an earlier boot.
    ///
    /// - Throws: `host_failure` for a damaged file, `permission_denied`.
    public func load(pool: String) throws(StorageError) -> [String: String]? {
        guard let bytes = try LocalFile(path(of: pool)).readIfPresent(limit: Self.limit) else { return nil }
        let boot = try host.bootIdentity()
        do throws(DamagedRecord) {
            var decoder = try RecordFile.open(bytes, as: .activation)
            guard try decoder.text() == boot else { return nil }
            let entries = try decoder.list { decoder throws(DamagedRecord) in
                (try decoder.text(), try decoder.text())
            }
            guard decoder.isAtEnd else { throw DamagedRecord() }
            return Dictionary(entries) { _, last in last }
        } catch {
            throw StorageError(
                .hostFailure,
                "What pool '\(pool.printable)' did to this host can't be read any more; see what it left, then remove the file",
                subject: .path(path(of: pool).string.printable))
        }
    }

    /// Notes what is about to be done, or what was done.
    public func save(_ entries: [String: String], pool: String) async throws(StorageError) {
        let boot = try host.bootIdentity()
        var encoder = RecordEncoder()
        encoder.put(boot)
        encoder.put(list: entries.sorted { $0.key < $1.key }) { encoder, entry in
            encoder.put(entry.key)
            encoder.put(entry.value)
        }
        let file = RecordFile.frame(encoder.bytes, as: .activation)
        let (folder, path) = (folder, path(of: pool))
        try await withUninterruptedThread(named: "san-activation") { () throws(StorageError) in
            try LocalFolder(folder).create()
            try AtomicFile(path, isDurable: false).write(file)
        }
    }

    /// Forgets what was noted: it is undone.
    public func remove(pool: String) async throws(StorageError) {
        let path = path(of: pool)
        try await withUninterruptedThread(named: "san-activation") { () throws(StorageError) in
            _ = try LocalFile(path).remove()
        }
    }

    private func path(of pool: String) -> FilePath { folder.appending(pool + Self.suffix) }
}
