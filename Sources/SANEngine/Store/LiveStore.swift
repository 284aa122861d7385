import SANHost
import SANModel
import SystemPackage

/// What runs: a state file and a volume list for each pool below `<runtime>/storage`, of this boot only.
struct LiveStore: Sendable {
    let folder: FilePath
    let host: HostRoot

    private static let stateSuffix = ".run"
    private static let listSuffix = ".vols"
    private static let limit = 1 << 30

    /// What is known of a pool.
    enum Known: Sendable {
        case nothing
        case state(LiveState)
        /// The file is there and can't be read.
        case damaged(Problem)
    }

    /// The identity of this boot.
    func boot() throws(StorageError) -> String {
        try host.bootIdentity()
    }

    /// The names of all pools with a state, also of an earlier boot.
    func names() throws(StorageError) -> [String] {
        try LocalFolder(folder).names().filter { $0.hasSuffix(Self.stateSuffix) && $0 != Self.stateSuffix }
            .map { String($0.dropLast(Self.stateSuffix.count)) }
    }

    /// A state of an earlier boot counts for nothing, and so does one that another version of sanctl wrote.
    func load(_ name: String) throws(StorageError) -> Known {
        do throws(StorageError) {
            guard let bytes = try LocalFile(statePath(name)).readIfPresent(limit: Self.limit) else { return .nothing }
            if RecordFile.isOfOtherVersion(bytes, .state) { return .nothing }
            do throws(DamagedRecord) {
                let state = try LiveState(decoding: bytes)
                return state.boot == (try bootOrEmpty()) ? .state(state) : .nothing
            } catch {
                return .damaged(damaged("state", name, "stop the pool and start it"))
            }
        } catch {
            return .damaged(Problem(error.about(.pool, name.printable)))
        }
    }

    func save(_ state: LiveState, of name: String) throws(StorageError) {
        try LocalFolder(folder).create()
        try AtomicFile(statePath(name), isDurable: false).write(state.encoded)
    }

    /// - Returns: nil where there is none, and where another version of sanctl wrote it.
    /// - Throws: `host_failure` for a damaged list, which asks for a refresh.
    func volumes(of name: String) throws(StorageError) -> VolumeList? {
        try list(of: name) { bytes throws(DamagedRecord) in try VolumeList(decoding: bytes) }
    }

    /// The list's generation, without its volumes.
    ///
    /// - Returns: nil where there is no list.
    /// - Throws: `host_failure` for a damaged list.
    func generation(ofVolumesOf name: String) throws(StorageError) -> UInt64? {
        try list(of: name) { bytes throws(DamagedRecord) in try VolumeList.generation(decoding: bytes) }
    }

    private func list<Value>(
        of name: String, _ decode: ([UInt8]) throws(DamagedRecord) -> Value
    ) throws(StorageError) -> Value? {
        guard let bytes = try LocalFile(listPath(name)).readIfPresent(limit: Self.limit) else { return nil }
        if RecordFile.isOfOtherVersion(bytes, .volumes), !RecordFile.isOf(.volumesBefore, bytes) { return nil }
        do throws(DamagedRecord) {
            return try decode(bytes)
        } catch {
            let problem = damaged("volume list", name, "refresh the pool")
            throw StorageError(problem.code, problem.message, subject: problem.subject)
        }
    }

    func save(_ volumes: VolumeList, of name: String) throws(StorageError) {
        try LocalFolder(folder).create()
        try AtomicFile(listPath(name), isDurable: false).write(volumes.encoded)
    }

    /// The list that a refresh read, brought up to what was changed after it began (see ``VolumeList/merging(_:begunAt:)``).
    ///
    /// - Parameter start: the list's generation when the refresh began.
    func list(of name: String, refreshedTo volumes: [Volume], begunAt start: UInt64) -> VolumeList {
        // A damaged list is replaced by the new one.
        let generation = try? generation(ofVolumesOf: name)  // see above
        if generation == start { return VolumeList(volumes, generation: start) }
        let known = try? self.volumes(of: name)  // see above
        return known?.merging(volumes, begunAt: start) ?? VolumeList(volumes)
    }

    /// Forgets the pool.
    func remove(_ name: String) throws(StorageError) {
        try LocalFile(statePath(name)).remove()
        try LocalFile(listPath(name)).remove()
    }

    private func bootOrEmpty() throws(DamagedRecord) -> String {
        do throws(StorageError) {
            return try boot()
        } catch {
            throw DamagedRecord()
        }
    }

    private func damaged(_ what: String, _ name: String, _ remedy: String) -> Problem {
        Problem(
            code: .hostFailure,
            message: "The \(what) of pool '\(name.printable)' in the runtime folder is damaged; \(remedy)",
            subject: .pool(name.printable))
    }

    private func statePath(_ name: String) -> FilePath { folder.appending(name + Self.stateSuffix) }
    private func listPath(_ name: String) -> FilePath { folder.appending(name + Self.listSuffix) }
}
