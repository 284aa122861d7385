import CCeph
import SANModel

// Images by their names. All of it blocks.
extension ClusterConnection {
    /// Makes an empty image of format 2.
    ///
    /// - Throws: `already_exists`, and what the cluster says.
    func make(_ name: String, _ capacity: UInt64, _ options: ImageOptions) throws(StorageError) {
        let shown = name.printable
        let result = unsafe CephLibrary.functions.rbd_create4(ioContext, name, capacity, options.handle)
        if CephFailure(result).errno == .fileExists { throw exists(name) }
        guard result >= 0 else {
            throw CephFailure(result).error(cannot: "make the image '\(shown)'").about(.volume, shown)
        }
    }

    /// - Throws: `already_exists`.
    func rename(_ name: String, to newName: String) throws(StorageError) {
        let shown = newName.printable
        let result = unsafe CephLibrary.functions.rbd_rename(ioContext, name, newName)
        if CephFailure(result).errno == .fileExists { throw exists(newName) }
        guard result >= 0 else {
            throw CephFailure(result).error(cannot: "name the new image '\(shown)'").about(.volume, shown)
        }
    }

    /// - Throws: `already_exists` where there is an image of that name.
    func refuse(_ name: String) throws(StorageError) {
        do throws(StorageError) {
            _ = try OpenImage(name, readOnly: true, self)
        } catch  where error.code == .notFound {
            return
        }
        throw exists(name)
    }

    func removeIfThere(_ name: String) throws(StorageError) {
        let result = unsafe CephLibrary.functions.rbd_remove(ioContext, name)
        guard result < 0, CephFailure(result).errno != .noSuchFileOrDirectory else { return }
        throw CephFailure(result).error(cannot: "delete the unfinished image '\(name.printable)'")
            .about(.volume, name.printable)
    }

    func exists(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists, "There is an image '\(name.printable)' in '\(source.place)' already",
            subject: .volume(name.printable))
    }
}
