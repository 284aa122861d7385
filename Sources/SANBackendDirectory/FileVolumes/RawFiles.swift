import SANModel
import Synchronization

/// Files that are known to be raw: their bytes are a guest's, also where they look like an image's header.
///
/// See docs/decisions/0007-what-was-raw-stays-raw.md.
final class RawFiles: Sendable {
    private let volumes: @Sendable () -> [Volume]
    private struct Known {
        var name: String
        var file: FileIdentity
    }

    /// By inode; nil until they are asked for, as most folders have nothing to ask about.
    private let known = Mutex<[UInt64: [Known]]?>(nil)

    /// Those of the last list that had bytes: a file that was empty hadn't been anything yet.
    init(among volumes: @escaping @Sendable () -> [Volume]) {
        self.volumes = volumes
    }

    func contains(_ file: FileIdentity, named name: String) -> Bool {
        known.withLock { known in
            let files = known ?? read()
            known = files
            return files[file.inode, default: []].contains { one in
                guard one.file.isSame(as: file) else { return false }
                // An inode alone may be another file's by now, as FUSE and some shares number them: it counts with its name only.
                let isSure = one.file.handle != nil && file.handle != nil || one.file.birth != nil && file.birth != nil
                return isSure || one.name == name
            }
        }
    }

    private func read() -> [UInt64: [Known]] {
        var files: [UInt64: [Known]] = [:]
        for volume in volumes() where volume.definition.physical != nil {
            guard let format = volume.definition.target.format, VolumeFormat.ofGuests.contains(format),
                let file = volume.file
            else { continue }
            files[file.inode, default: []].append(Known(name: volume.name, file: file))
        }
        return files
    }
}
