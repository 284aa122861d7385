import CCeph
import SANModel
import SystemPackage

/// Images that a migration or mirroring is at work on: what is done to them is undone by it, or done elsewhere too.
extension OpenImage {
    /// - Throws: `invalid_state` for an image that is being migrated, and for one that mirroring writes.
    func refuseMoving() throws(StorageError) {
        let shown = name.printable
        guard try !features().contains(.migrating) else { throw OpenImage.isMigrating(name) }
        guard try mirroring() != .copied else {
            throw StorageError(
                .invalidState,
                "The image '\(shown)' is mirrored from another cluster, which alone can change it: do it there, or 'rbd mirror image promote'",
                subject: .volume(shown))
        }
    }

    /// - Throws: `invalid_state` besides for an image whose copies in other clusters would go with it.
    func refuseGoing() throws(StorageError) {
        try refuseMoving()
        guard try mirroring() == nil else {
            throw StorageError(
                .invalidState,
                "The image '\(name.printable)' is mirrored, and its copies in other clusters would go with it: end that first, with \(try mirroringEnds())",
                subject: .volume(name.printable))
        }
    }

    /// Where all of a pool is mirrored, no image is let go by itself (EINVAL): what has the feature is, and what lost it isn't any more (16.2).
    private func mirroringEnds() throws(StorageError) -> String {
        let (path, place) = (connection.source.path(of: name).printable, connection.source.place)
        var mode = RBD_MIRROR_MODE_IMAGE
        // Who may not ask has the usual one.
        _ = unsafe CephLibrary.functions.rbd_mirror_mode_get(connection.ioContext, &mode)
        guard mode == RBD_MIRROR_MODE_POOL else { return "'rbd mirror image disable \(path)'" }
        guard try features().contains(.journaling) else {
            return "'rbd mirror pool enable \(place) image' and 'rbd mirror image disable \(path)'"
        }
        return "'rbd feature disable \(path) journaling', as all of '\(place)' is mirrored"
    }

    /// A commit needs the execution before it, and an abort loses what was written meanwhile (librbd 16.2).
    static let migrationEnds =
        "'rbd migration execute' and 'rbd migration commit', or with 'rbd migration abort', which loses what was written meanwhile"

    static func isMigrating(_ name: String) -> StorageError {
        StorageError(
            .invalidState,
            "The image '\(name.printable)' is being migrated, and isn't changed or deleted before that ends: with \(migrationEnds)",
            subject: .volume(name.printable))
    }

    /// What an image is to mirroring.
    private enum Mirroring {
        /// It is copied to other clusters.
        case primary
        /// It is written by mirroring.
        case copied
    }

    /// - Returns: nil for an image that isn't mirrored.
    private func mirroring() throws(StorageError) -> Mirroring? {
        var information = unsafe rbd_mirror_image_info_t()
        let size = unsafe MemoryLayout.size(ofValue: information)
        let functions = unsafe CephLibrary.functions
        let result = unsafe functions.rbd_mirror_image_get_info(handle, &information, size)
        // An image of format 1, a cluster without mirroring, a user who may not ask.
        let none: [Errno] = [.noSuchFileOrDirectory, .notPermitted, .permissionDenied, .invalidArgument, .notSupported]
        if result < 0, none.contains(CephFailure(result).errno) { return nil }
        try check(result, cannot: "look at the mirroring of")
        defer { unsafe functions.rbd_mirror_image_get_info_cleanup(&information) }
        guard unsafe information.state != RBD_MIRROR_IMAGE_DISABLED else { return nil }
        return unsafe information.primary ? .primary : .copied
    }
}
