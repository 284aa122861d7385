import CCeph
import SANModel

/// Who else has an image open, and how nobody else writes it meanwhile.
extension OpenImage {
    /// Opens the image that was listed for changing what others must not be using.
    ///
    /// Who opens it afterwards can't write it while this is open, where the image has the feature `exclusive-lock`: librbd answers them with
    /// EROFS. Without that feature it is only looked at once more, after opening: of two who claim an image at once one sees the other at least.
    ///
    /// - Throws: `busy` with who has it open, `invalid_state` for another image of that name, and what opening throws.
    static func claim(_ volume: Volume, _ connection: ClusterConnection) throws(StorageError) -> OpenImage {
        // Not yet open for writing, so that nobody who uses it is disturbed.
        try refuseUsed(volume, connection)
        let image = try OpenImage(volume, readOnly: false, connection)
        // A virtual machine would give the lock away when it is asked, and then fail to write.
        try image.refuseUsed(besidesThis: true)
        guard try image.features().contains(.exclusiveLock) else { return image }
        let result = unsafe CephLibrary.functions.rbd_lock_acquire(image.handle, RBD_LOCK_MODE_EXCLUSIVE)
        guard CephFailure(result).errno != .invalidArgument else {
            throw StorageError(
                .invalidState,
                "The image '\(volume.name.printable)' can't be locked: is it mirrored, and another cluster its primary? ('rbd mirror image status')",
                subject: .volume(volume.name.printable))
        }
        try image.check(result, cannot: "lock")
        // Who came in between is in time to be seen, and too late to write.
        try image.refuseUsed(besidesThis: true)
        return image
    }

    static func refuseUsed(_ volume: Volume, _ connection: ClusterConnection) throws(StorageError) {
        let image = try OpenImage(volume, readOnly: true, connection)
        // Who has such an image open may be what migrates or mirrors it, which isn't to be shut down.
        try image.refuseMoving()
        try image.refuseUsed()
    }

    /// - Parameter besidesThis: whether this has it open for writing itself, which isn't counted.
    /// - Throws: `busy` with who has it open for writing.
    func refuseUsed(besidesThis: Bool = false) throws(StorageError) {
        var others = try watchers()
        if besidesThis, let own = others.firstIndex(where: { $0.client == connection.clientID }) {
            others.remove(at: own)
        }
        guard others.isEmpty else {
            throw StorageError(
                .busy,
                "The image '\(name.printable)' is open at \(others.map(\.address).shortList): shut that down first (one that was killed is forgotten after 30 seconds)",
                subject: .volume(name.printable))
        }
    }

    /// Another client that holds the image's lock, and so carries out what others ask for: its address.
    ///
    /// - Returns: nil where nobody holds it, or this does.
    func lockOwner() throws(StorageError) -> String? {
        guard try features().contains(.exclusiveLock) else { return nil }
        let functions = unsafe CephLibrary.functions
        var isOwn: Int32 = 0
        try check(unsafe functions.rbd_is_exclusive_lock_owner(handle, &isOwn), cannot: "look at the lock of")
        guard isOwn == 0 else { return nil }
        var mode = RBD_LOCK_MODE_EXCLUSIVE
        var owners = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: 16)
        var count = 16
        let result = unsafe functions.rbd_lock_get_owners(handle, &mode, &owners, &count)
        if CephFailure(result).errno == .noSuchFileOrDirectory { return nil }
        try check(result, cannot: "look at the lock of")
        count = min(max(count, 0), 16)
        defer { unsafe functions.rbd_lock_get_owners_cleanup(&owners, count) }
        guard count > 0, let owner = unsafe owners[0] else { return nil }
        return unsafe String(cString: owner).printable
    }
}

extension [String] {
    /// The first few, and how many more.
    var shortList: String {
        prefix(5).joined(separator: ", ") + (count > 5 ? " and \(count - 5) more" : "")
    }
}
