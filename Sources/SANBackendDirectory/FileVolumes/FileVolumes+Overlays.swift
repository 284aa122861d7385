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
        guard let old = header.capacity, header.backing != nil else { return nil }
        if let length = try siblingLength(header), length <= old { return nil }
        let length = try header.standInLength(toGrow: name)
        let staging = try Staging(in: try open())
        try staging.makeFile(Staging.origin).truncate(to: length.bytes)
        return staging
    }

    /// The capacity of a backing file that is a file of this folder, which every refresh reads anyway; nil for any other.
    private func siblingLength(_ header: ImageHeader) throws(StorageError) -> ByteCount? {
        guard let (name, format) = header.sibling(in: path) else { return nil }
        let folder = try open()
        var reader = FileReader(folder: folder, system: try FileSystem(of: folder))
        return reader.volume(named: name)?.definition.length(as: format)
    }
}
