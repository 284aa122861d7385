import SANEngine
import SANHost
import SANModel

/// An open device that was found to be a volume's, with what is needed to move its bytes.
struct BlockTarget: Sendable {
    let device: OpenBlockDevice
    /// The volume's name.
    let volume: String
    /// In bytes.
    let blockSize: Int
    let capacity: UInt64
    /// The most that the device discards at once, in bytes; 0 where it can't.
    var discardLimit: UInt64
    /// The unit's other paths, which nobody else can open for themselves meanwhile.
    private let others: [OpenBlockDevice]

    /// - Throws: `invalid_state` for a device without a size or with half a block at its end.
    init(
        _ device: OpenBlockDevice, of block: BlockDevice, volume: String, holding others: [OpenBlockDevice] = []
    ) throws(StorageError) {
        self.device = device
        self.others = others
        self.volume = volume
        blockSize = try device.blockSize()
        capacity = try device.capacity().bytes
        discardLimit = try block.folder["queue"].number("discard_max_bytes") ?? 0
        guard capacity > 0, capacity.isMultiple(of: UInt64(blockSize)) else {
            throw StorageError(
                .invalidState, "\(device.name) has \(capacity) bytes, which aren't whole blocks of \(blockSize)",
                subject: .device(device.name))
        }
    }

    /// The bytes of one read or write.
    private static let chunk = 1 << 20
    /// Buffers of a transfer: those with the device, and as many with the local end.
    private static let buffers = 2 * RequestQueue.window

    private func geometry(chunk: Int) -> TransferGeometry {
        TransferGeometry(blockSize: blockSize, capacity: capacity, chunk: max(chunk, blockSize))
    }

    // MARK: Verbs

    func upload(
        _ file: TransferEnd, _ transfer: TransferRequest, length: UInt64?, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let geometry = geometry(chunk: BlockTarget.chunk)
        let stop = try StopRequest()
        let ring = try TransferRing(size: geometry.chunk, limit: BlockTarget.buffers, storage: stop.wake)
        defer { ring.stop() }
        // A pipe's end is not known: what the request allows is then the end of what is read.
        let reader = SourceReader(
            file: file, ring: ring, geometry: geometry, offset: transfer.offset.bytes, length: length,
            skipsZeros: transfer.isSparse)
        async let reading: Result<Void, StorageError> = BlockTarget.onThread("san-source") { reader.run() }
        let counts = try await run(geometry, stop) { queue throws(StorageError) in
            var writer = BlockWriter(
                RingSource(ring: ring), to: queue, methods: [.punch, .write], stop: stop, patience: context.patience
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
        return TransferSummary(bytes: ByteCount(counts.covered), moved: ByteCount(counts.moved))
    }

    func download(
        to file: TransferEnd, _ transfer: TransferRequest, length: UInt64, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let geometry = geometry(chunk: BlockTarget.chunk)
        let offset = transfer.offset.bytes
        let stop = try StopRequest()
        let ring = try TransferRing(size: geometry.chunk, limit: BlockTarget.buffers, storage: stop.wake)
        defer { ring.stop() }
        let writer = SinkWriter(file: file, ring: ring, offset: offset, length: length, makesHoles: transfer.isSparse)
        async let writing: Result<UInt64, StorageError> = BlockTarget.onThread("san-sink") {
            () throws(StorageError) in try writer.run()
        }
        try await run(geometry, stop) { queue throws(StorageError) in
            var reader = BlockReader(
                offset..<offset + length, geometry, of: queue, to: RingSink(ring: ring, isOrdered: !file.isSeekable),
                stop: stop, patience: context.patience
            ) { done in
                context.progress.report(done: ByteCount(done), total: ByteCount(length))
            }
            try reader.run()
        }
        ring.end()
        let moved = try await writing.get()
        context.progress.report(done: ByteCount(length), total: ByteCount(length))
        return TransferSummary(bytes: ByteCount(length), moved: ByteCount(moved))
    }

    /// Each pass is on the medium before the next begins.
    func wipe(
        _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let passes = algorithm.passes
        guard discardLimit > 0 || !passes.contains(.deallocation) else {
            throw StorageError(
                .unsupported, "'\(volume.printable)' can't give blocks back: wipe it with 'zero'",
                subject: .volume(volume.printable))
        }
        let stop = try StopRequest()
        let capacity = capacity
        let geometry = geometry(chunk: BlockTarget.chunk)
        let device = device.name
        let moved = try await run(geometry, stop) { queue throws(StorageError) in
            var moved: UInt64 = 0
            for (index, pass) in passes.enumerated() {
                let report: (UInt64) -> Void = { done in
                    context.progress.report(
                        done: ByteCount(UInt64(index) * capacity + done),
                        total: ByteCount(UInt64(passes.count) * capacity))
                }
                if case .verify(let byte) = pass {
                    let sink = VerifySink(expected: byte, of: device, geometry, window: RequestQueue.window)
                    var reader = BlockReader(
                        0..<capacity, geometry, of: queue, to: sink, stop: stop, patience: context.patience,
                        report: report)
                    try reader.run()
                    report(capacity)
                } else {
                    var writer = BlockWriter(
                        PassSource(pass, over: geometry), to: queue,
                        methods: [pass == .deallocation ? .discard : .write], stop: stop, patience: context.patience,
                        report: report)
                    moved += try writer.run().moved
                }
            }
            return moved
        }
        return TransferSummary(bytes: ByteCount(capacity), moved: ByteCount(moved))
    }

    // MARK: Threads

    /// Lends a queue of requests on a thread of its own, which ends by itself soon after the task is cancelled: nothing is left running, but
    /// for requests that the kernel doesn't end.
    private func run<Value: Sendable>(
        _ geometry: TransferGeometry, _ stop: StopRequest,
        _ body: @escaping @Sendable (RequestQueue) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let device = device
        let result: Result<Value, StorageError> = await withTaskCancellationHandler {
            do throws(StorageError) {
                return .success(
                    try await withUninterruptedThread(named: "san-block") { () throws(StorageError) in
                        let queue = RequestQueue(device, geometry, wake: stop.wake)
                        defer { queue.close() }
                        return try body(queue)
                    })
            } catch {
                return .failure(error.about(.volume, volume.printable))
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
