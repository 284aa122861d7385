import SANModel
import Synchronization

/// Files that are known to be raw: their bytes are a guest's, also where they look like an image's header.
///
/// See docs/decisions/0007-what-was-raw-stays-raw.md.
final class RawFiles: Sendable {
    private let volumes: @Sendable () -> [Volume]
    /// By inode; nil until they are asked for, as most folders have nothing to ask about.
    private let known = Mutex<[UInt64: FileIdentity]?>(nil)

    /// Those of the last list that had bytes: a file that was empty hadn't been anything yet.
    init(among volumes: @escaping @Sendable () -> [Volume]) {
        self.volumes = volumes
    }

    func contains(_ file: FileIdentity) -> Bool {
        known.withLock { known in
            let files = known ?? read()
            known = files
            return files[file.inode]?.isSame(as: file) == true
        }
    }

    private func read() -> [UInt64: FileIdentity] {
        var files: [UInt64: FileIdentity] = [:]
        for volume in volumes() where volume.definition.target.format == .raw && volume.definition.physical != nil {
            if let file = volume.file { files[file.inode] = file }
        }
        return files
    }
}
