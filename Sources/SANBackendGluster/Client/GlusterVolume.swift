import CGlusterFS
import SANEngine
import SANHost
import SANModel

/// A volume that this process is connected to; every call blocks, and many threads may make them at once.
///
/// The connection ends with the process: `glfs_fini` takes ten seconds (libgfapi 10.3), and nobody is to wait for that. What was written
/// is on the bricks when the call that flushes it has returned.
@safe
struct GlusterVolume: Sendable {
    /// The address of the library's `struct glfs`.
    private let address: UInt
    /// `gluster://host[:port]/volume`, for messages.
    let uri: String

    /// Connects to a volume by one server.
    ///
    /// - Parameter log: where the library's log goes.
    /// - Throws: `not_found` for an unknown volume, `unavailable` where the server isn't reached.
    init(_ name: String, on server: GlusterServer, log: String) throws(StorageError) {
        try GlusterLibrary.require()
        uri = GlusterURI.text(server, [name])
        var connection: OpaquePointer?
        let code = unsafe san_gluster_connect(name, server.host, Int32(server.port ?? 0), log, &connection)
        guard code == 0, let connection = unsafe connection else {
            throw GlusterVolume.failure(-code, name, server)
        }
        address = UInt(bitPattern: connection)
    }

    /// What `glfs_init` says (10.3): ENOENT for a volume that the server doesn't have, EIO for one that isn't started, ENOTCONN for a server that it
    /// doesn't reach.
    private static func failure(_ code: Int32, _ name: String, _ server: GlusterServer) -> StorageError {
        let base = StorageError(gluster: code, cannot: "connect to", path: GlusterURI.text(server, [name]))
        switch base.code {
        case .notFound:
            return StorageError(
                .notFound,
                "There is no Gluster volume '\(name.printable)' on \(server): 'sanctl pool find-sources gluster --host \(server.host.printable)' lists what there is",
                subject: .host(server.host.printable))
        case .backendFailure:
            return StorageError(
                .unavailable,
                "The Gluster volume '\(name.printable)' can't be used through \(server): start it with 'gluster volume start \(name.printable)', or look at 'gluster volume status'",
                subject: .host(server.host.printable), causes: [base])
        case .unavailable:
            return StorageError(
                .unavailable,
                "No Gluster server answers on \(server): see that glusterd runs there and that its port can be reached",
                subject: .host(server.host.printable))
        default: return base.about(.host, server.host.printable)
        }
    }

    var connection: OpaquePointer {
        get throws(StorageError) {
            guard let connection = unsafe OpaquePointer(bitPattern: address) else {
                throw StorageError(.invalidState, "'\(uri.printable)' isn't connected")
            }
            return unsafe connection
        }
    }

    func shown(_ path: String) -> String { uri + GlusterURI.encoded(path) }

    // MARK: Names

    func status(of path: String, following: Bool = false) throws(StorageError) -> GlusterStatus {
        var status = san_gluster_status()
        try check(
            unsafe san_gluster_status_of(try connection, path, following ? 1 : 0, &status), cannot: "look at",
            shown(path))
        return GlusterStatus(status)
    }

    /// Bytes in all, and bytes that are free.
    func space(at path: String) throws(StorageError) -> (capacity: UInt64, free: UInt64) {
        var capacity: UInt64 = 0
        var free: UInt64 = 0
        try check(
            unsafe san_gluster_space(try connection, path, &capacity, &free), cannot: "find the size of", shown(path))
        return (capacity, min(free, capacity))
    }

    func makeFolder(_ path: String, mode: UInt32) throws(StorageError) {
        try check(unsafe san_gluster_make_folder(try connection, path, mode), cannot: "make the folder", shown(path))
    }

    func removeFolder(_ path: String) throws(StorageError) {
        try check(unsafe san_gluster_remove_folder(try connection, path), cannot: "delete", shown(path))
    }

    func remove(_ path: String) throws(StorageError) {
        try check(unsafe san_gluster_remove(try connection, path), cannot: "delete", shown(path))
    }

    /// - Throws: `already_exists`.
    func link(_ path: String, as name: String) throws(StorageError) {
        try check(unsafe san_gluster_link(try connection, path, name), cannot: "make", shown(name))
    }

    /// Gives it an owner and group, where there are any, and then a mode.
    func apply(_ permissions: Permissions, defaultMode: UInt32, to path: String) throws(StorageError) {
        if permissions.owner != nil || permissions.group != nil {
            let (owner, group) = (permissions.owner ?? UInt32.max, permissions.group ?? UInt32.max)
            try check(
                unsafe san_gluster_change_owner(try connection, path, owner, group), cannot: "change the owner of",
                shown(path))
        }
        try check(
            unsafe san_gluster_change_mode(try connection, path, permissions.mode ?? defaultMode),
            cannot: "change the mode of", shown(path))
    }

    // MARK: Files

    func open(_ path: String, writing: Bool) throws(StorageError) -> GlusterFile {
        var file: OpaquePointer?
        try check(unsafe san_gluster_open(try connection, path, writing ? 1 : 0, &file), cannot: "open", shown(path))
        return try unsafe adopt(file, path)
    }

    /// Makes a file, readable and writable for its owner only.
    ///
    /// - Throws: `already_exists`.
    func create(_ path: String) throws(StorageError) -> GlusterFile {
        var file: OpaquePointer?
        try check(unsafe san_gluster_create(try connection, path, 0o600, &file), cannot: "make", shown(path))
        return try unsafe adopt(file, path)
    }

    private func adopt(_ file: OpaquePointer?, _ path: String) throws(StorageError) -> GlusterFile {
        guard let file = unsafe file else {
            throw StorageError(.backendFailure, "Can't open '\(shown(path).printable)'")
        }
        return unsafe GlusterFile(adopting: file, uri: shown(path))
    }

    // MARK: Folders

    func openFolder(_ path: String) throws(StorageError) -> GlusterFolder {
        var folder: OpaquePointer?
        try check(unsafe san_gluster_open_folder(try connection, path, &folder), cannot: "open", shown(path))
        guard let folder = unsafe folder else {
            throw StorageError(.backendFailure, "Can't open '\(shown(path).printable)'")
        }
        return unsafe GlusterFolder(adopting: folder, uri: shown(path))
    }

    /// Reads from a file that a listing has found, without opening it.
    ///
    /// - Returns: how many bytes there were.
    func read(
        _ entry: GlusterEntries.Object, into buffer: inout [UInt8], at offset: UInt64, path: String
    ) throws(StorageError) -> Int {
        let connection = try unsafe connection
        let count = unsafe buffer.withUnsafeMutableBytes { bytes -> Int64 in
            guard let start = bytes.baseAddress, let entry = unsafe entry.pointer else { return 0 }
            return unsafe san_gluster_read_entry(connection, entry, start, bytes.count, offset)
        }
        return Int(try check(count, cannot: "read", shown(path)))
    }

    /// Closes what is open: that asks the bricks, and whoever lets go of it last may be a thread that mustn't wait.
    static func release(_ address: UInt, _ close: @escaping @Sendable (OpaquePointer) -> Void) {
        OneShotThread.start(name: "san-gluster-end") {
            Poll.blockBrokenPipeSignal()
            if let open = unsafe OpaquePointer(bitPattern: address) { unsafe close(open) }
        }
    }
}
