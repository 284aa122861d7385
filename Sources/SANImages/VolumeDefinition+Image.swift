import SANModel

extension VolumeDefinition {
    /// The header that the list tells of, as ``take(_:size:allocation:folder:)`` put it there.
    package var listedHeader: ImageHeader {
        guard let format = target.format, !VolumeFormat.unheaded.contains(format) else { return .spanningFile(.raw) }
        var header = ImageHeader(format, capacity: capacity)
        header.compat = target.compat
        header.clusterSize = target.clusterSize
        header.features = target.features
        header.encryption = target.encryption?.format
        header.backing = backingStore?.path.map {
            ImageHeader.Backing(name: Array($0.utf8), format: backingStore?.format)
        }
        return header
    }

    /// Describes a file by its header: sizes, format, backing store and what else the header says.
    ///
    /// - Parameters:
    ///   - size: of the file in bytes.
    ///   - allocation: of the blocks that it has, in bytes.
    ///   - folder: what a relative name of a backing file is taken from; nil to show it as the header has it.
    /// - Returns: what makes no sense in the header.
    package mutating func take(
        _ header: ImageHeader, size: UInt64, allocation bytes: UInt64, folder: String?
    ) -> [Problem] {
        capacity = header.spansFile ? ByteCount(size) : header.capacity
        allocation = ByteCount(bytes)
        physical = size == 0 ? nil : ByteCount(size)
        target.format = header.format
        target.compat = header.compat
        target.clusterSize = header.clusterSize
        target.features = header.features
        target.encryption = header.encryption.map { EncryptionDefinition(format: $0) }
        var problems: [Problem] = []
        if !header.flaws.isEmpty {
            let subject = StorageError.Subject.volume(name)
            problems = header.flaws.map { Problem(code: .backendFailure, message: $0, subject: subject) }
        }
        if let backing = header.backing {
            let (path, isClean) = BackingName.path(of: backing.name, in: folder)
            backingStore = BackingStore(path: path, format: backing.format)
            if !isClean {
                let message = "\(name): The name of its backing file isn't text"
                problems.append(Problem(code: .backendFailure, message: message, subject: .volume(name)))
            }
        }
        return problems
    }
}
