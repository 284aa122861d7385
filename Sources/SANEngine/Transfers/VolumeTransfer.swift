import SANHost
import SANModel

/// Moves the bytes of one open volume, with several requests under way.
package struct VolumeTransfer<Target: RequestTarget>: Sendable {
    private let target: Target
    package let geometry: TransferGeometry
    /// The volume's name.
    private let volume: String

    package init(_ target: Target, _ geometry: TransferGeometry, named volume: String) {
        self.target = target
        self.geometry = geometry
        self.volume = volume
    }

    /// Buffers of a transfer: those with the storage, and as many with the local end.
    private static var buffers: Int { 2 * RequestQueue.window }

    // MARK: Verbs

    /// Writes what the file has, or `length` bytes of it, and flushes.
    ///
    /// - Throws: what went wrong, with how many bytes from the first on are safe; `cancelled`.
    package func upload(
        _ file: TransferEnd, _ transfer: TransferRequest, length: UInt64?, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let stop = try StopRequest()
        let ring = try TransferRing(size: geometry.chunk, limit: VolumeTransfer.buffers, storage: stop.wake)
        defer { ring.stop() }
        // A pipe's end is not known: what the request allows is then the end of what is read.
        let reader = SourceReader(
            file: file, ring: ring, geometry: geometry, offset: transfer.offset.bytes, length: length,
            skipsZeros: transfer.isSparse)
        async let reading: Result<Void, StorageError> = TransferRing.onThread("san-source") { reader.run() }
        let counts = try await run(stop) { queue throws(StorageError) in
            var writer = RequestWriter(
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

    /// Reads so many bytes into the file.
    package func download(
        to file: TransferEnd, _ transfer: TransferRequest, length: UInt64, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let offset = transfer.offset.bytes
        let stop = try StopRequest()
        let ring = try TransferRing(size: geometry.chunk, limit: VolumeTransfer.buffers, storage: stop.wake)
        defer { ring.stop() }
        let writer = SinkWriter(file: file, ring: ring, offset: offset, length: length, makesHoles: transfer.isSparse)
        async let writing: Result<UInt64, StorageError> = TransferRing.onThread("san-sink") {
            () throws(StorageError) in try writer.run()
        }
        try await run(stop) { queue throws(StorageError) in
            var reader = RequestReader(
                offset..<offset + length, geometry, of: queue, to: RingSink(ring: ring, isOrdered: !file.isSeekable),
                skipsHoles: true, stop: stop, patience: context.patience
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
    ///
    /// - Parameter shown: for the message of a pass that finds other bytes than were written: `sdb`.
    package func wipe(
        _ algorithm: WipeAlgorithm, shownAs shown: String, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let passes = algorithm.passes
        let stop = try StopRequest()
        let (capacity, geometry) = (self.geometry.capacity, self.geometry)
        let moved = try await run(stop) { queue throws(StorageError) in
            var moved: UInt64 = 0
            for (index, pass) in passes.enumerated() {
                let report: (UInt64) -> Void = { done in
                    context.progress.report(
                        done: ByteCount(UInt64(index) * capacity + done),
                        total: ByteCount(UInt64(passes.count) * capacity))
                }
                if case .verify(let byte) = pass {
                    let sink = VerifySink(expected: byte, of: shown, geometry, window: RequestQueue.window)
                    var reader = RequestReader(
                        0..<capacity, geometry, of: queue, to: sink, stop: stop, patience: context.patience,
                        report: report)
                    try reader.run()
                    report(capacity)
                } else {
                    var writer = RequestWriter(
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
    /// for requests that the storage doesn't end.
    private func run<Value: Sendable>(
        _ stop: StopRequest,
        _ body: @escaping @Sendable (RequestQueue) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let (target, threadName) = (self.target, self.target.threadName)
        let result: Result<Value, StorageError> = await withTaskCancellationHandler {
            do throws(StorageError) {
                return .success(
                    try await withUninterruptedThread(named: threadName) { () throws(StorageError) in
                        let queue = RequestQueue(target, wake: stop.wake)
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
}
