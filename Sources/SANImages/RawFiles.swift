package import SANModel
import Synchronization

/// Files that are known to have begun as no image does: their bytes are a guest's, also where they look like an image's header.
///
/// See docs/decisions/0007-what-was-raw-stays-raw.md.
package final class RawFiles: Sendable {
    private struct Known {
        var name: String
        var file: FileIdentity
        var format: VolumeFormat
    }

    private struct Index {
        var byInode: [UInt64: [Known]] = [:]
        var byName: [String: Volume] = [:]
        /// Of all volumes, images too.
        var files: [String: FileIdentity] = [:]
    }

    private let volumes: @Sendable () -> [Volume]
    /// Nil until they are asked for, as most folders have nothing to ask about.
    private let index = Mutex<Index?>(nil)

    /// Those of the last list that had bytes: a file that was empty hadn't been anything yet.
    package init(among volumes: @escaping @Sendable () -> [Volume]) {
        self.volumes = volumes
    }

    /// What a file is listed as that begins with this header by now.
    ///
    /// A vhd may have its header at either end, and the list doesn't tell at which.
    ///
    /// - Parameter name: see ``format(of:named:)``.
    package func listed(
        _ header: ImageHeader, of file: @autoclosure () -> FileIdentity, named name: String?
    ) -> ImageHeader {
        guard header.mayBeGuests, let format = format(of: file(), named: name), format != header.format else {
            return header
        }
        return header.asRaw
    }

    /// What a file was listed as, where that was without a header at its start.
    ///
    /// - Parameter name: of the file, which counts where inodes are given again and nothing else tells two files apart, as on FUSE; nil where
    ///   they never are.
    package func format(of file: FileIdentity, named name: String?) -> VolumeFormat? {
        withIndex { index in
            let names = index.byInode[file.inode, default: []].filter { one in
                guard one.file.isSame(as: file) else { return false }
                let isSure = one.file.handle != nil && file.handle != nil || one.file.birth != nil && file.birth != nil
                return isSure || name == nil || one.name == name
            }
            // By one of its names the end of a file may make it a vhd, and by another it is raw.
            return (names.first { VolumeFormat.unheaded.contains($0.format) } ?? names.first)?.format
        }
    }

    /// What the last list has under a name, where that is one of these files: for one of which it can't be told now which file it is, as for a link.
    package func volume(named name: String) -> Volume? {
        withIndex { $0.byName[name] }
    }

    /// Which file had a name in the last list, image or not.
    package func file(named name: String) -> FileIdentity? {
        withIndex { $0.files[name] }
    }

    private func withIndex<Value>(_ body: (Index) -> Value) -> Value {
        index.withLock { index in
            let read = index ?? read()
            index = read
            return body(read)
        }
    }

    private func read() -> Index {
        var index = Index()
        for volume in volumes() {
            guard let file = volume.file else { continue }
            index.files[volume.name] = file
            guard volume.definition.physical != nil, let format = volume.definition.target.format else { continue }
            // Else a guest would write an end of a vhd first, and the start of another image after the next refresh.
            guard VolumeFormat.unmarked.contains(format) else { continue }
            index.byInode[file.inode, default: []].append(Known(name: volume.name, file: file, format: format))
            index.byName[volume.name] = volume
        }
        return index
    }
}
