import SANImages
import SANModel

/// Growing an overlay without opening what its header names.
extension FileVolumes {
    /// What has to stand in for the backing file while an overlay grows, so that none of a longer backing file shows through in the new space.
    ///
    /// QEMU writes zeros there where it sees a backing file that goes on behind the overlay's old end. It is shown a file of zeros instead of
    /// the one that the header names.
    ///
    /// - Returns: nil where nothing can show through: no backing file, or one in this folder that isn't longer than the overlay.
    /// - Throws: `unsupported` where zeros can't be written, as in a qcow2 image of version 0.10.
    func zeros(toGrow header: ImageHeader, named name: String) throws(StorageError) -> Staging? {
        guard let backing = header.backing, let old = header.capacity else { return nil }
        if let length = try siblingLength(backing), length <= old { return nil }
        // Zeros within a cluster would take the rest of that cluster from the stand-in.
        let cluster = header.clusterSize?.bytes ?? 0
        guard header.format == .qcow2, header.compat == "1.1", cluster > 0, old.bytes % cluster == 0,
            let length = old.adding(ByteCount(cluster))
        else {
            throw StorageError(
                .unsupported,
                "'\(name.printable)' can't grow without opening its backing file, which could show through: make it <compat>1.1</compat>, or flatten it",
                subject: .volume(name.printable))
        }
        let staging = try Staging(in: try open())
        try staging.makeFile(Staging.origin).truncate(to: length.bytes)
        return staging
    }

    /// The capacity of a backing file that is a file of this folder, which every refresh reads anyway; nil for any other.
    private func siblingLength(_ backing: ImageHeader.Backing) throws(StorageError) -> ByteCount? {
        let (resolved, isClean) = BackingName.path(of: backing.name, in: path)
        let prefix = path == "/" ? path : path + "/"
        guard isClean, resolved.hasPrefix(prefix), let format = backing.format else { return nil }
        let name = String(resolved.dropFirst(prefix.count))
        guard FileName.isUsable(name) else { return nil }
        let folder = try open()
        var reader = FileReader(folder: folder, system: try FileSystem(of: folder))
        guard let definition = reader.volume(named: name)?.definition else { return nil }
        if format == .raw { return definition.physical ?? 0 }
        return definition.target.format == format ? definition.capacity : nil
    }
}
