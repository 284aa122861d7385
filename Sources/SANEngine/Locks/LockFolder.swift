import SANHost
import SANModel
import SystemPackage

/// The engine's locks, one file each below `<runtime>/locks`; the files stay.
///
/// Whoever takes several takes them in this order: life cycle, refresh, volumes, store, state.
struct LockFolder: Sendable {
    let folder: FilePath

    enum Lock: Sendable, Hashable {
        /// Exclusive to define, start, stop, build, delete, undefine; shared to refresh and to work on volumes.
        case lifeCycle(pool: String)
        /// Held while one refresh talks to the storage.
        case refresh(pool: String)
        /// Held to write the state and the volume list; never while anything is waited for.
        case state(pool: String)
        /// Exclusive to change a volume, shared to read its bytes.
        case volume(pool: String, name: String)
        /// Names, UUIDs and sources of all pools, for the check and the write of a definition.
        case store
        case secrets
        /// The stored definitions of virtual HBAs.
        case virtualHBAs
    }

    /// Waits its turn.
    ///
    /// - Throws: `busy` at the deadline, naming the holder; `cancelled`, `permission_denied`, `host_failure`.
    func acquire(
        _ lock: Lock, _ mode: FileLock.Mode, for verb: String, until deadline: Deadline
    ) async throws(StorageError) -> FileLock {
        let path = try prepare(lock)
        do throws(StorageError) {
            return try await FileLock.acquire(mode, at: path, for: verb, of: lock.description, until: deadline)
        } catch {
            throw lock.naming(error)
        }
    }

    /// The pool's life-cycle lock if nobody changes the pool right now; never waits.
    ///
    /// - Returns: nil where somebody does, and where this user may not open the lock.
    func lookAtLifeCycle(ofPool pool: String) -> FileLock? {
        // A user who may not open the lock sees the state as it is written.
        try? FileLock.attempt(.shared, at: path(of: .lifeCycle(pool: pool)), for: nil)  // see above
    }

    private func prepare(_ lock: Lock) throws(StorageError) -> FilePath {
        let path = path(of: lock)
        try LocalFolder(path.removingLastComponent()).create()
        return path
    }

    private func path(of lock: Lock) -> FilePath {
        switch lock {
        case .lifeCycle(let pool): folder.appending("life-cycle").appending(pool + ".lock")
        case .refresh(let pool): folder.appending("refresh").appending(pool + ".lock")
        case .state(let pool): folder.appending("state").appending(pool + ".lock")
        case .volume(let pool, let name):
            // A volume's name may be longer than a file's may be, or hold anything. Two names of one digest wait for each other.
            folder.appending("volume").appending(Self.digest(of: pool + "/" + name) + ".lock")
        case .store: folder.appending("store.lock")
        case .secrets: folder.appending("secrets.lock")
        case .virtualHBAs: folder.appending("vhba.lock")
        }
    }

    /// The order in which several volumes' locks are taken.
    static func precedes(_ left: (pool: String, name: String), _ right: (pool: String, name: String)) -> Bool {
        digest(of: left.pool + "/" + left.name) < digest(of: right.pool + "/" + right.name)
    }

    /// FNV-1a, 64 bits.
    static func digest(of text: String) -> String {
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension LockFolder.Lock: CustomStringConvertible {
    var description: String {
        switch self {
        case .lifeCycle(let pool), .refresh(let pool), .state(let pool): "Pool '\(pool.printable)'"
        case .volume(let pool, let name): "Volume '\(name.printable)' of pool '\(pool.printable)'"
        case .store: "The list of pools"
        case .secrets: "The list of secrets"
        case .virtualHBAs: "The list of vHBAs"
        }
    }

    fileprivate func naming(_ error: StorageError) -> StorageError {
        switch self {
        case .lifeCycle(let pool), .refresh(let pool), .state(let pool): error.about(.pool, pool.printable)
        case .volume(let pool, let name): error.about(.volume, name.printable).about(.pool, pool.printable)
        case .store, .secrets, .virtualHBAs: error
        }
    }
}
