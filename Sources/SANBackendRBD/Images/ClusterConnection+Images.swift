import CCeph
import SANModel

// Images by their names. All of it blocks.
extension ClusterConnection {
    /// Makes an empty image of format 2, with its metadata.
    ///
    /// - Throws: `already_exists`, `not_found` for the pool of its data, `invalid_argument` for settings that the cluster refuses, and what
    ///   else it says.
    func make(_ name: String, _ capacity: UInt64, _ settings: ImageSettings?) throws(StorageError) {
        let shown = name.printable
        let options = ImageOptions(settings)
        let result = unsafe CephLibrary.functions.rbd_create4(ioContext, name, capacity, options.handle)
        switch CephFailure(result).errno {
        case .fileExists: throw exists(name)
        case .noSuchFileOrDirectory where settings?.dataPool != nil:
            throw StorageError(
                .notFound, "The cluster has no pool '\((settings?.dataPool ?? "").printable)' for the image's data",
                subject: .volume(shown))
        case .invalidArgument where settings != nil:
            throw StorageError(
                .invalidArgument, "The cluster refuses such an image: look at its features, object size and stripes",
                subject: .volume(shown))
        default: break
        }
        guard result >= 0 else {
            throw CephFailure(result).error(
                cannot: "make the image '\(shown)'", in: source, dataPool: settings?.dataPool
            ).about(.volume, shown)
        }
        guard let metadata = settings?.metadata, !metadata.isEmpty else { return }
        do throws(StorageError) {
            let image = try OpenImage(name, readOnly: false, self)
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { try image.setMetadata(key, value) }
        } catch {
            do throws(StorageError) {
                try removeIfThere(name)
            } catch let undo {
                throw error.adding(cause: undo)
            }
            throw error
        }
    }

    /// - Throws: `already_exists`.
    func rename(_ name: String, to newName: String) throws(StorageError) {
        let shown = newName.printable
        let result = unsafe CephLibrary.functions.rbd_rename(ioContext, name, newName)
        if CephFailure(result).errno == .fileExists { throw exists(newName) }
        guard result >= 0 else {
            throw CephFailure(result).error(cannot: "name the new image '\(shown)'", in: source).about(.volume, shown)
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
        throw CephFailure(result).error(cannot: "delete the unfinished image '\(name.printable)'", in: source)
            .about(.volume, name.printable)
    }

    func exists(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists, "There is an image '\(name.printable)' in '\(source.place)' already",
            subject: .volume(name.printable))
    }
}
