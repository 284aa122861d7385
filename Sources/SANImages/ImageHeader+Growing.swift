import SANModel

/// Growing an overlay without opening what its header names.
extension ImageHeader {
    /// The backing file, where it is a file of this folder: its name and format.
    package func sibling(in folder: String) -> (name: String, format: VolumeFormat)? {
        guard let backing, let format = backing.format else { return nil }
        let (resolved, isClean) = BackingName.path(of: backing.name, in: folder)
        let prefix = folder == "/" ? folder : folder + "/"
        guard isClean, resolved.hasPrefix(prefix) else { return nil }
        let name = String(resolved.dropFirst(prefix.count))
        return FileName.isUsable(name) ? (name, format) : nil
    }

    /// How long a file of zeros must be that stands in for the backing file: QEMU writes zeros to the new space of an overlay only where it sees a
    /// backing file that goes on behind the overlay's old end.
    ///
    /// - Throws: `unsupported` where zeros can't be written, as in a qcow2 image of version 0.10.
    package func standInLength(toGrow name: String) throws(StorageError) -> ByteCount {
        // Zeros within a cluster would take the rest of that cluster from the stand-in.
        let cluster = clusterSize?.bytes ?? 0
        guard format == .qcow2, compat == "1.1", cluster > 0, let capacity, capacity.bytes % cluster == 0,
            let length = capacity.adding(ByteCount(cluster))
        else {
            throw StorageError(
                .unsupported,
                "'\(name.printable)' can't grow without opening its backing file, which could show through: make it <compat>1.1</compat>, or flatten it",
                subject: .volume(name.printable))
        }
        return length
    }
}

extension VolumeDefinition {
    /// How long it is as a backing file of this format; nil where it isn't of it.
    package func length(as format: VolumeFormat) -> ByteCount? {
        if format == .raw { return physical ?? 0 }
        return target.format == format ? capacity : nil
    }
}
