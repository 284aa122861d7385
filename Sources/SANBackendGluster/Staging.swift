import SANModel

/// A file that is made under a name that no volume has, and gets its own in one step.
///
/// So nobody sees half a volume, and a killed process leaves something that is known to be rubbish: its lock is free, and the next creation or
/// refresh removes it.
struct Staging: Sendable {
    let file: GlusterFile
    let path: String
    private let source: GlusterSource

    /// Makes the file, empty and private.
    ///
    /// - Throws: `already_exists` where the volume is there.
    init(for name: String, of source: GlusterSource, on volume: GlusterVolume) throws(StorageError) {
        self.source = source
        try Staging.refuse(name, of: source, on: volume)
        // Another process may sweep the file between its making and its locking; then the next name is tried.
        for _ in 0..<16 {
            let path = source.path(of: StagingName.make(for: name))
            let file = try volume.create(path)
            do throws(StorageError) {
                try file.lock()
                if try volume.status(of: path).identity == file.status().identity {
                    (self.file, self.path) = (file, path)
                    return
                }
            } catch {
                guard error.code == .busy || error.code == .notFound else {
                    Staging.remove(path, from: volume)
                    throw error
                }
            }
        }
        throw StorageError(.busy, "Can't keep a private file in '\(source.uri)'", subject: .path(source.uri.printable))
    }

    /// - Throws: `already_exists` where there is something of that name.
    static func refuse(_ name: String, of source: GlusterSource, on volume: GlusterVolume) throws(StorageError) {
        do throws(StorageError) {
            _ = try volume.status(of: source.path(of: name))
        } catch  where error.code == .notFound {
            return
        }
        throw exists(name, source)
    }

    private static func exists(_ name: String, _ source: GlusterSource) -> StorageError {
        StorageError(
            .alreadyExists, "There is a file '\(source.uri(of: name))' already", subject: .volume(name.printable))
    }

    /// Gives the file its owner and mode, and then its name.
    ///
    /// - Throws: `already_exists`.
    func publish(
        as name: String, _ permissions: Permissions, on volume: GlusterVolume, _ effect: Effect = Effect()
    ) throws(StorageError) {
        try volume.apply(permissions, defaultMode: 0o600, to: path)
        try effect.begin()
        do throws(StorageError) {
            // A rename would replace a file that has come in the meantime.
            try volume.link(path, as: source.path(of: name))
        } catch  where error.code == .alreadyExists {
            throw Staging.exists(name, source)
        }
        Staging.remove(path, from: volume)
    }

    /// Removes the file.
    func discard(on volume: GlusterVolume) throws(StorageError) {
        do throws(StorageError) {
            try volume.remove(path)
        } catch  where error.code == .notFound {
            return
        }
    }

    /// Removes what a killed process has left.
    static func sweep(_ name: String, of source: GlusterSource, on volume: GlusterVolume) {
        let path = source.path(of: name)
        do throws(StorageError) {
            let file = try volume.open(path, writing: true)
            try file.lock()
            try volume.remove(path)
        } catch {
            // What can't be had is another process's, or is swept later.
            return
        }
    }

    private static func remove(_ path: String, from volume: GlusterVolume) {
        try? volume.remove(path)  // what is left is swept later
    }
}
