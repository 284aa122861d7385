import CCeph
import SANModel

/// An open image, closed with the value; every call blocks.
///
/// librbd's handle may be used by several threads; a closure that uses it holds this.
@safe
final class OpenImage: Sendable {
    /// `rbd_image_t`, kept as a number: the class has no mutable state of its own.
    private let image: UInt
    let name: String
    let connection: ClusterConnection

    /// - Parameter readOnly: no watch is set on the image, and nobody who writes it is disturbed.
    /// - Throws: `not_found`, `permission_denied`, `busy`, `timed_out`, `unavailable`, `backend_failure`.
    init(_ name: String, readOnly: Bool, _ connection: ClusterConnection) throws(StorageError) {
        let functions = unsafe CephLibrary.functions
        var image: rbd_image_t?
        let result =
            unsafe readOnly
            ? functions.rbd_open_read_only(connection.ioContext, name, &image, nil)
            : functions.rbd_open(connection.ioContext, name, &image, nil)
        guard result >= 0, let opened = unsafe image else {
            if CephFailure(result).errno == .noSuchFileOrDirectory {
                throw StorageError(
                    .notFound, "There is no image '\(name.printable)' in '\(connection.source.place)'",
                    subject: .volume(name.printable))
            }
            throw CephFailure(result).error(cannot: "open the image '\(name.printable)'", in: connection.source)
                .about(.volume, name.printable)
        }
        self.image = UInt(bitPattern: opened)
        self.name = name
        self.connection = connection
    }

    deinit {
        _ = unsafe CephLibrary.functions.rbd_close(handle)
    }

    /// For one call, or for a request until it has ended.
    @unsafe var handle: rbd_image_t? { unsafe UnsafeMutableRawPointer(bitPattern: image) }

    func check(_ result: Int32, cannot action: String) throws(StorageError) {
        guard result < 0 else { return }
        throw failure(CephFailure(result), cannot: "\(action) the image '\(name.printable)'")
            .about(.volume, name.printable)
    }

    func failure(_ failure: CephFailure, cannot action: String) -> StorageError {
        failure.error(cannot: action, in: connection.source, dataPool: dataPool)
    }

    // MARK: What it says

    /// Of format 1, which has no features, and whose snapshots aren't counted here.
    func header() throws(StorageError) -> ImageHeader {
        let (size, order) = try sizeAndOrder()
        return ImageHeader(order: order, size: size, features: [], flags: [])
    }

    func sizeAndOrder() throws(StorageError) -> (size: UInt64, order: UInt8) {
        var information = rbd_image_info_t()
        let size = MemoryLayout<rbd_image_info_t>.size
        try check(
            unsafe CephLibrary.functions.rbd_stat(handle, &information, size), cannot: "read the size of")
        return (information.size, UInt8(clamping: information.order))
    }

    /// Empty for format 1.
    func id() throws(StorageError) -> String {
        var text = [CChar](repeating: 0, count: 256)
        let result = unsafe CephLibrary.functions.rbd_get_id(handle, &text, text.count)
        // Format 1 has none.
        if CephFailure(result).errno == .invalidArgument { return "" }
        try check(result, cannot: "read the id of")
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func features() throws(StorageError) -> ImageFeatures {
        var features: UInt64 = 0
        try check(
            unsafe CephLibrary.functions.rbd_get_features(handle, &features), cannot: "read the features of")
        return ImageFeatures(rawValue: features)
    }

    func flags() throws(StorageError) -> ImageFlags {
        var flags: UInt64 = 0
        try check(unsafe CephLibrary.functions.rbd_get_flags(handle, &flags), cannot: "read the flags of")
        return ImageFlags(rawValue: flags)
    }

    /// A client that has it open for writing.
    struct Watcher: Sendable, Hashable {
        /// Its number in the cluster, see ``ClusterConnection/clientID``.
        var client: UInt64
        /// `10.0.0.1:0/123`.
        var address: String
    }

    func watchers() throws(StorageError) -> [Watcher] {
        let functions = unsafe CephLibrary.functions
        var room = 16
        while true {
            var watchers = unsafe [rbd_image_watcher_t](repeating: rbd_image_watcher_t(), count: room)
            var count = room
            let result = unsafe functions.rbd_watchers_list(handle, &watchers, &count)
            if CephFailure(result).errno == .outOfRange, count > room, count < 1 << 20 {
                room = count + 16
                continue
            }
            try check(result, cannot: "list who uses")
            count = min(max(count, 0), room)
            defer { unsafe functions.rbd_watchers_list_cleanup(&watchers, count) }
            return unsafe watchers[..<count].map { watcher in
                unsafe Watcher(
                    client: UInt64(bitPattern: watcher.id), address: String(cString: watcher.addr).printable)
            }
        }
    }

    struct Snapshot: Sendable {
        var id: UInt64
        var name: String
        /// Of the image when it was made, in bytes.
        var size: UInt64
        var isProtected: Bool
        /// Whose it is.
        var kind = RBD_SNAP_NAMESPACE_TYPE_USER
    }

    /// The users' own: those of groups and mirroring, and those that only wait for their last clone to go, have no names to use.
    func snapshots() throws(StorageError) -> [Snapshot] {
        var snapshots: [Snapshot] = []
        for var snapshot in try allSnapshots() where snapshot.kind == RBD_SNAP_NAMESPACE_TYPE_USER {
            var isProtected: Int32 = 0
            let result = unsafe CephLibrary.functions.rbd_snap_is_protected(handle, snapshot.name, &isProtected)
            // Deleted meanwhile.
            if CephFailure(result).errno == .noSuchFileOrDirectory { continue }
            try check(result, cannot: "look at the snapshot '\(snapshot.name.printable)' of")
            snapshot.isProtected = isProtected != 0
            snapshots.append(snapshot)
        }
        return snapshots
    }

    /// Snapshots of all kinds; whether they are protected isn't looked at.
    func allSnapshots() throws(StorageError) -> [Snapshot] {
        let functions = unsafe CephLibrary.functions
        var room: Int32 = 64
        while true {
            var list = unsafe [rbd_snap_info_t](repeating: rbd_snap_info_t(), count: Int(room))
            let count = unsafe functions.rbd_snap_list(handle, &list, &room)
            if CephFailure(count).errno == .outOfRange, room < 1 << 20 { continue }
            try check(count, cannot: "list the snapshots of")
            defer { unsafe functions.rbd_snap_list_end(&list) }
            let listed = unsafe list[..<min(Int(count), list.count)].map { entry in
                unsafe Snapshot(id: entry.id, name: String(cString: entry.name), size: entry.size, isProtected: false)
            }
            var found: [Snapshot] = []
            for var snapshot in listed {
                let result = unsafe functions.rbd_snap_get_namespace_type(handle, snapshot.id, &snapshot.kind)
                // Deleted meanwhile.
                if CephFailure(result).errno == .noSuchFileOrDirectory { continue }
                try check(result, cannot: "look at the snapshot '\(snapshot.name.printable)' of")
                found.append(snapshot)
            }
            return found
        }
    }

    /// The clones of its snapshots, as `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE`, in all pools.
    func children() throws(StorageError) -> [String] {
        let functions = unsafe CephLibrary.functions
        var room = 16
        while true {
            var list = unsafe [rbd_linked_image_spec_t](repeating: rbd_linked_image_spec_t(), count: room)
            var count = room
            let result = unsafe functions.rbd_list_children3(handle, &list, &count)
            if CephFailure(result).errno == .outOfRange, count > room, count < 1 << 24 {
                room = count + 16
                continue
            }
            try check(result, cannot: "list the clones of")
            count = min(max(count, 0), room)
            defer { unsafe functions.rbd_linked_image_spec_list_cleanup(&list, count) }
            return unsafe list[..<count].map { child in
                let parts = unsafe [child.pool_name, child.pool_namespace, child.image_name].map { part in
                    unsafe part.map { unsafe String(cString: $0).printable } ?? ""
                }
                let place = parts.filter { !$0.isEmpty }.joined(separator: "/")
                return unsafe child.trash ? place + " (in the trash)" : place
            }
        }
    }

    // MARK: Changes

    func resize(
        to size: UInt64, allowsShrink: Bool, _ call: LongCall = LongCall("the change of the image")
    ) throws(StorageError) {
        let result = unsafe call.withArgument { argument in
            unsafe CephLibrary.functions.rbd_resize2(handle, size, allowsShrink, LongCall.callback, argument)
        }
        call.settle(CephFailure(result), isCut: allowsShrink)
        try check(result, cannot: "resize")
    }
}
