public import SANEngine
import SANImages
public import SANModel

extension FileVolumes {
    /// Makes the old bytes of a volume's file unreadable; its size stays, what it was in the file doesn't.
    ///
    /// On a file system that never writes in place (btrfs, zfs), and on flash, overwriting reaches the file's new blocks only.
    ///
    /// - Throws: `busy` where a process has the file open for writing; `unsupported` for links and folders, and for `trim` where the file system has no holes; `backend_failure` where a pass that
    ///   reads finds other bytes than were written.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await TransferMonitor.run(on: subject(volume), in: context) { monitor throws(StorageError) in
            let file = try monitor.asking { () throws(StorageError) in
                let file = try openListed(volume, FileFlags.readWrite)
                try requireUnused(file, volume, forWriting: true)
                return file
            }
            var wiping = FileWiping(file: file, status: try file.status(), passes: algorithm.passes, monitor: monitor)
            let moved = try wiping.run()
            return TransferSummary(bytes: ByteCount(wiping.size), moved: ByteCount(moved))
        }
    }
}

/// The passes over one file; each is on the disk before the next begins.
struct FileWiping {
    private let file: OpenFile
    let size: UInt64
    private let isSparse: Bool
    private let passes: [WipePass]
    private let monitor: TransferMonitor
    /// What the file has; its holes have nothing that could be read.
    private let extents: [Range<UInt64>]
    private var generator = WipeGenerator()
    private var buffer = [UInt8](repeating: 0, count: 3 << 18)  // a multiple of every pattern's length
    /// Over all passes.
    private var done: UInt64 = 0

    init(file: OpenFile, status: FileStatus, passes: [WipePass], monitor: TransferMonitor) {
        self.file = file
        size = status.size
        isSparse = status.isSparse
        self.passes = passes
        self.monitor = monitor
        extents = status.isSparse ? file.extents(size: status.size) : [0..<status.size]
    }

    /// - Returns: how many bytes were written.
    mutating func run() throws(StorageError) -> UInt64 {
        var moved: UInt64 = 0
        for pass in passes {
            switch pass {
            case .deallocation: try deallocate()
            case .zeros where isSparse: try empty()
            case .zeros: moved += try write([0])
            case .pattern(let pattern): moved += try write(pattern)
            case .random: moved += try write(nil)
            case .verify(let byte): try verify(byte)
            }
            try monitor.asking { () throws(StorageError) in try file.sync() }
        }
        monitor.report(size, of: size)
        return moved
    }

    private func deallocate() throws(StorageError) {
        guard try monitor.asking({ () throws(StorageError) in try file.punch(0, size) }) else {
            throw StorageError(
                .unsupported, "The file system of '\(file.path.printable)' has no holes: wipe with 'zero'",
                subject: .path(file.path.printable))
        }
    }

    /// As libvirt: what a sparse file has is given back, and none of it can be read again through it.
    private func empty() throws(StorageError) {
        try monitor.asking { () throws(StorageError) in
            try FileEmptying.run("'\(file.path.printable)'", length: size) { length throws(StorageError) in
                try file.truncate(to: length)
            }
        }
    }

    /// - Parameter pattern: nil for random bytes, new ones for every buffer.
    /// - Returns: how many bytes were written.
    private mutating func write(_ pattern: [UInt8]?) throws(StorageError) -> UInt64 {
        if let pattern {
            for index in buffer.indices { buffer[index] = pattern[index % pattern.count] }
        }
        return try inPieces { wiping, count, position throws(StorageError) in
            if pattern == nil {
                var generator = wiping.generator
                unsafe wiping.buffer.withUnsafeMutableBytes { bytes in unsafe generator.fill(bytes) }
                wiping.generator = generator
            }
            try wiping.file.write(wiping.buffer, count: count, at: position)
        }
    }

    /// Reads what the pass before wrote, from the disk and not from memory as far as the kernel lets go of it.
    private mutating func verify(_ byte: UInt8) throws(StorageError) {
        let file = file
        try monitor.asking { () throws(StorageError) in file.forget() }
        _ = try inPieces { wiping, count, position throws(StorageError) in
            let got = try wiping.file.read(into: &wiping.buffer, at: position)
            guard got >= count, wiping.buffer[..<count].allSatisfy({ $0 == byte }) else {
                throw StorageError(
                    .backendFailure,
                    "'\(wiping.file.path.printable)' didn't keep what was written: there are other bytes than \(byte) "
                        + "between \(position) and \(position + UInt64(count))",
                    subject: .path(wiping.file.path.printable))
            }
        }
    }

    /// - Returns: how many bytes that was.
    private mutating func inPieces(
        _ body: (inout FileWiping, Int, UInt64) throws(StorageError) -> Void
    ) throws(StorageError) -> UInt64 {
        let before = done
        for extent in extents {
            var position = extent.lowerBound
            while position < extent.upperBound {
                let count = Int(min(extent.upperBound - position, UInt64(buffer.count)))
                try monitor.asking { () throws(StorageError) in try body(&self, count, position) }
                position += UInt64(count)
                done += UInt64(count)
                monitor.report(done / UInt64(passes.count), of: size)
            }
        }
        return done - before
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
