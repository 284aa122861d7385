public import SANEngine
public import SANModel

extension FileVolumes {
    /// Makes the old bytes of a volume's file unreadable; its size stays, what it was in the file doesn't.
    ///
    /// On a file system that never writes in place (btrfs, zfs), and on flash, overwriting reaches the file's new blocks only.
    ///
    /// - Throws: `unsupported` for links and folders, and for `trim` where the file system has no holes.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await TransferMonitor.run(on: subject(volume), in: context) { monitor throws(StorageError) in
            let file = try monitor.asking { () throws(StorageError) in try openListed(volume, FileFlags.readWrite) }
            let status = try file.status()
            let size = status.size
            var moved: UInt64 = 0
            switch algorithm {
            case .trim:
                guard try monitor.asking({ () throws(StorageError) in try file.punch(0, size) }) else {
                    throw StorageError(
                        .unsupported, "The file system of '\(path.printable)' has no holes: wipe with 'zero'",
                        subject: .volume(volume.name))
                }
            case .zero where status.isSparse:
                // As libvirt: what a sparse file has is given back, and none of it can be read again through it.
                try monitor.asking { () throws(StorageError) in
                    try file.truncate(to: 0)
                    try file.truncate(to: size)
                }
            default:
                guard let passes = WipePasses(algorithm) else {
                    throw StorageError(
                        .unsupported, "Files can't be wiped with '\(algorithm.rawValue)'", subject: .volume(volume.name)
                    )
                }
                moved = try overwrite(file, status, passes, monitor)
            }
            try monitor.asking { () throws(StorageError) in try file.sync() }
            monitor.report(size, of: size)
            return TransferSummary(bytes: ByteCount(size), moved: ByteCount(moved))
        }
    }

    /// Overwrites what the file has, pass after pass; each is on the disk before the next begins.
    private func overwrite(
        _ file: OpenFile, _ status: FileStatus, _ passes: WipePasses, _ monitor: TransferMonitor
    ) throws(StorageError) -> UInt64 {
        var generator = WipeGenerator()
        var buffer = [UInt8](repeating: 0, count: 3 << 18)  // a multiple of every pattern's length
        let extents = status.isSparse ? file.extents(size: status.size) : [0..<status.size]
        var moved: UInt64 = 0
        for pass in passes.passes {
            pass.fill(&buffer, using: &generator)
            for extent in extents {
                var position = extent.lowerBound
                while position < extent.upperBound {
                    let count = Int(min(extent.upperBound - position, UInt64(buffer.count)))
                    if pass == .random { pass.fill(&buffer, using: &generator) }
                    try monitor.asking { () throws(StorageError) in try file.write(buffer, count: count, at: position) }
                    position += UInt64(count)
                    moved += UInt64(count)
                    monitor.report(moved / UInt64(passes.passes.count), of: status.size)
                }
            }
            try monitor.asking { () throws(StorageError) in try file.sync() }
        }
        return moved
    }
}

extension OpenFile {
    /// The ranges of a file that have data.
    fileprivate func extents(size: UInt64) -> [Range<UInt64>] {
        var extents: [Range<UInt64>] = []
        var position: UInt64 = 0
        while position < size, let data = nextData(position), data < size {
            let hole = min(max(nextHole(data, size: size), data + 1), size)
            extents.append(data..<hole)
            position = hole
        }
        return extents
    }
}
