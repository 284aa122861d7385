public import SANEngine
import SANHost
public import SANModel

/// Data goes through librbd's asynchronous requests, eight at once. The image's id is compared with the one that was listed before the first
/// byte moves, and an image that somebody has open is not written.
extension RBDPool: VolumeData {
    /// The bytes of one read or write: an object of the usual size.
    private static let chunk = 4 << 20
    /// Those with the cluster, and some with the local end.
    private static let buffers = ImageQueue.window + 4

    /// Writes a file or pipe to an image.
    ///
    /// With `isSparse` zeros are given back instead of being written.
    ///
    /// Ends with a flush. Where it ends early the message says how many bytes, from the first on, are safe. The source's file offset is left
    /// behind what was read.
    ///
    /// - Throws: `invalid_argument` for more bytes than there is room for, before anything is written where their number is known; `busy` with
    ///   who has the image open; `invalid_state` for another image of that name; `not_found`, `cancelled`, `timed_out`, `unavailable`,
    ///   `permission_denied`, `backend_failure`, `host_failure`.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(source)
        let length = file.remaining.map { min($0, transfer.length?.bytes ?? .max) } ?? transfer.length?.bytes
        let stop = try StopRequest()
        let target = try await open(volume, stop, isWriting: true, in: context) { capacity throws(StorageError) in
            let room = try Self.room(in: volume, capacity, from: transfer.offset, transfer.length)
            guard let length, length > room else { return }
            throw StorageError(
                .invalidArgument,
                "'\(file.name)' has \(length) bytes and '\(volume.name.printable)' has room for \(room): nothing was written",
                subject: .volume(volume.name.printable))
        }
        let geometry = target.geometry
        let ring = try TransferRing(size: geometry.chunk, limit: Self.buffers, storage: stop.wake)
        defer { ring.stop() }
        // A pipe's end is not known: what the request allows is then the end of what is read.
        let reader = SourceReader(
            file: file, ring: ring, geometry: geometry, offset: transfer.offset.bytes, length: length,
            skipsZeros: transfer.isSparse)
        async let reading: Result<Void, StorageError> = Self.onThread("san-source") { reader.run() }
        let counts = try await run(target, volume, stop) { queue throws(StorageError) in
            var writer = ImageWriter(
                RingSource(ring: ring), to: queue, zerosBy: .punch, stop: stop, patience: context.patience
            ) { done in
                context.progress.report(done: ByteCount(done), total: length.map { ByteCount($0) })
            }
            do throws(StorageError) {
                return try writer.run()
            } catch {
                throw error.saying(safe: writer.safe)
            }
        }
        try await reading.get()
        file.leavePosition(after: counts.covered)
        return TransferSummary(bytes: ByteCount(counts.covered), moved: ByteCount(counts.moved))
    }

    /// Reads an image into a file or pipe; others may use it meanwhile.
    ///
    /// With `isSparse` zeros become holes in a regular file, behind the end that it had. The sink's file offset is left behind what was written.
    ///
    /// - Throws: `invalid_argument` for a range outside the image, and as ``upload(_:to:_:in:)``.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(sink)
        let stop = try StopRequest()
        let offset = transfer.offset.bytes
        let target = try await open(volume, stop, isWriting: false, in: context) { capacity throws(StorageError) in
            _ = try Self.room(in: volume, capacity, from: transfer.offset, transfer.length)
        }
        let geometry = target.geometry
        let length = transfer.length?.bytes ?? geometry.capacity - offset
        let ring = try TransferRing(size: geometry.chunk, limit: Self.buffers, storage: stop.wake)
        defer { ring.stop() }
        let writer = SinkWriter(file: file, ring: ring, offset: offset, length: length, makesHoles: transfer.isSparse)
        async let writing: Result<UInt64, StorageError> = Self.onThread("san-sink") {
            () throws(StorageError) in try writer.run()
        }
        try await run(target, volume, stop) { queue throws(StorageError) in
            var reader = ImageReader(
                offset..<offset + length, geometry, of: queue, to: RingSink(ring: ring, isOrdered: !file.isSeekable),
                stop: stop, patience: context.patience
            ) { done in
                context.progress.report(done: ByteCount(done), total: ByteCount(length))
            }
            try reader.run()
        }
        ring.end()
        let moved = try await writing.get()
        file.leavePosition(after: length)
        context.progress.report(done: ByteCount(length), total: ByteCount(length))
        return TransferSummary(bytes: ByteCount(length), moved: ByteCount(moved))
    }

    /// Overwrites every byte of an image to the last.
    ///
    /// `trim` gives all objects back, after which they read as zeros; `zero` writes zeros that take space; the others write each pass through,
    /// one after the other. What the image's snapshots keep no overwriting reaches.
    ///
    /// - Throws: as ``upload(_:to:_:in:)``.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let stop = try StopRequest()
        let target = try await open(volume, stop, isWriting: true, in: context) { _ in }
        let geometry = target.geometry
        let capacity = geometry.capacity
        let passes = algorithm.passes
        let moved = try await run(target, volume, stop) { queue throws(StorageError) in
            var moved: UInt64 = 0
            for (index, pass) in passes.enumerated() where capacity > 0 {
                let report: (UInt64) -> Void = { done in
                    context.progress.report(
                        done: ByteCount(UInt64(index) * capacity + done),
                        total: ByteCount(UInt64(passes.count) * capacity))
                }
                if case .verify(let byte) = pass {
                    let sink = VerifySink(
                        expected: byte, of: volume.name.printable, geometry, window: ImageQueue.window)
                    var reader = ImageReader(
                        0..<capacity, geometry, of: queue, to: sink, stop: stop, patience: context.patience,
                        report: report)
                    try reader.run()
                    report(capacity)
                } else {
                    var writer = ImageWriter(
                        PassSource(pass, over: geometry), to: queue,
                        zerosBy: pass == .deallocation ? .punch : .write, stop: stop, patience: context.patience,
                        report: report)
                    moved += try writer.run().moved
                }
            }
            return moved
        }
        return TransferSummary(bytes: ByteCount(capacity), moved: ByteCount(moved))
    }

    // MARK: Opening

    /// An open image, which the queue closes.
    private struct Target: Sendable {
        var queue: ImageQueue
        var geometry: TransferGeometry
    }

    /// - Parameter check: is given the image's size in bytes, before anything is written.
    private func open(
        _ volume: Volume, _ stop: StopRequest, isWriting: Bool, in context: OperationContext,
        _ check: @escaping @Sendable (UInt64) throws(StorageError) -> Void
    ) async throws(StorageError) -> Target {
        try await withConnection(in: context, waitingFor: "the image '\(volume.name.printable)'") {
            connection throws(StorageError) in
            if isWriting { try OpenImage.refuseUsed(volume, connection) }
            let image = try OpenImage(volume, readOnly: !isWriting, connection)
            let capacity = try image.sizeAndOrder().size
            try check(capacity)
            return Target(
                queue: ImageQueue(image, wake: stop.wake),
                geometry: TransferGeometry(blockSize: 1, capacity: capacity, chunk: Self.chunk))
        }
    }

    /// How many bytes there are from an offset on.
    ///
    /// - Throws: `invalid_argument` for a range that leaves the image.
    private static func room(
        in volume: Volume, _ capacity: UInt64, from offset: ByteCount, _ length: ByteCount?
    ) throws(StorageError) -> UInt64 {
        let end = offset.adding(length ?? 0)?.bytes ?? .max
        guard offset.bytes <= capacity, end <= capacity else {
            throw StorageError(
                .invalidArgument,
                "The range from \(offset) on leaves '\(volume.name.printable)', which has \(capacity) bytes",
                subject: .volume(volume.name.printable))
        }
        return capacity - offset.bytes
    }

    // MARK: Threads

    /// Lends the queue of requests on a thread of its own, which ends by itself soon after the task is cancelled.
    private func run<Value: Sendable>(
        _ target: Target, _ volume: Volume, _ stop: StopRequest,
        _ body: @escaping @Sendable (ImageQueue) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let result: Result<Value, StorageError> = await withTaskCancellationHandler {
            do throws(StorageError) {
                return .success(
                    try await withUninterruptedThread(named: "san-rbd-io") { () throws(StorageError) in
                        defer { target.queue.close() }
                        return try body(target.queue)
                    })
            } catch {
                return .failure(error.about(.volume, volume.name.printable))
            }
        } onCancel: {
            stop.request()
        }
        return try result.get()
    }

    /// Runs the local end on a thread of its own.
    ///
    /// Where the task is cancelled nobody waits for it: it ends with its next look at the ring.
    private static func onThread<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async -> Result<Value, StorageError> {
        do throws(StorageError) {
            return .success(
                try await withBlockingThread(named: name, until: .never, waitingFor: "the local end", body))
        } catch {
            return .failure(error)
        }
    }
}
