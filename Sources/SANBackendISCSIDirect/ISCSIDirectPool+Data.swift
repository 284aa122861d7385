public import SANEngine
import SANHost
public import SANModel

extension ISCSIDirectPool: VolumeData {
    /// Buffers of a transfer: those under way at the target, and as many with the local end.
    private static let buffers = 2 * UnitGeometry.window

    /// Writes a file or pipe to a LUN, after checking that the LUN is still the unit that was listed.
    ///
    /// Ends with SYNCHRONIZE CACHE. Where it ends early the message says how many bytes, from the first on, are safe. The file offset is
    /// left behind what was read.
    ///
    /// - Throws: `invalid_argument` for more bytes than there is room for, before anything is written where their number is known,
    ///   `invalid_state` for a LUN that is another unit now, `cancelled`, `host_failure`, and what logging in and writing throw.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(source)
        let length = try transfer.length(of: file, within: transfer.room(inUnit: volume), of: volume.name)
        var done: UInt64 = 0
        defer { file.leavePosition(after: done) }
        let counts = try await withDisk(volume, in: context) { session, geometry throws(StorageError) in
            let ring = try TransferRing(size: geometry.chunk, limit: Self.buffers, storage: session.wake)
            defer { ring.stop() }
            // A pipe's end is not known: what the request allows is then the end of what is read.
            let reader = SourceReader(
                file: file, ring: ring, geometry: geometry.transfer, offset: transfer.offset.bytes, length: length,
                skipsZeros: transfer.isSparse)
            async let reading: Result<Void, StorageError> = TransferRing.onThread("san-source") { reader.run() }
            let written = try await session.run { connection throws(StorageError) in
                var writer = UnitWriter(
                    RingSource(ring: ring), to: geometry, on: connection, methods: geometry.zeroMethods,
                    patience: context.patience, verify: Self.verification(of: volume, geometry, context.patience)
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
            return written
        }
        done = counts.covered
        return TransferSummary(bytes: ByteCount(counts.covered), moved: ByteCount(counts.moved))
    }

    /// Reads a LUN into a file or pipe, after checking that the LUN is still the unit that was listed.
    ///
    /// With `isSparse` zeros become holes in a regular file, behind the end that it had. The file offset is left behind what was written.
    ///
    /// - Throws: `invalid_argument` for a range outside the volume, `invalid_state` for a LUN that is another unit now, `cancelled`,
    ///   `host_failure`, and what logging in and reading throw.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(sink)
        let room = try transfer.room(inUnit: volume)
        let length = transfer.length?.bytes ?? room
        let offset = transfer.offset.bytes
        let moved = try await withDisk(volume, in: context) { session, geometry throws(StorageError) in
            let ring = try TransferRing(size: geometry.chunk, limit: Self.buffers, storage: session.wake)
            defer { ring.stop() }
            let writer = SinkWriter(
                file: file, ring: ring, offset: offset, length: length, makesHoles: transfer.isSparse)
            async let writing: Result<UInt64, StorageError> = TransferRing.onThread("san-sink") {
                () throws(StorageError) in try writer.run()
            }
            try await session.run { connection throws(StorageError) in
                var reader = UnitReader(
                    offset..<offset + length, of: geometry, on: connection,
                    to: RingSink(ring: ring, isOrdered: !file.isSeekable), patience: context.patience
                ) { done in
                    context.progress.report(done: ByteCount(done), total: ByteCount(length))
                }
                try reader.run()
            }
            ring.end()
            return try await writing.get()
        }
        file.leavePosition(after: length)
        context.progress.report(done: ByteCount(length), total: ByteCount(length))
        return TransferSummary(bytes: ByteCount(length), moved: ByteCount(moved))
    }

    // MARK: Below

    /// Logs in, checks that the volume is still what was listed, and lends the session.
    func withDisk<Value: Sendable>(
        _ volume: Volume, in context: OperationContext,
        _ body: @escaping @Sendable (ISCSISession, UnitGeometry) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let endpoint = try await source.endpoint(context.secrets)
        let lun = try Self.lun(of: volume)
        let deadline = context.deadline
        do throws(StorageError) {
            return try await ISCSISession.with(endpoint, until: deadline) { session throws(StorageError) in
                let geometry = try await session.run { connection throws(StorageError) in
                    let reports = try LUNInterview.ask([lun], on: connection, until: deadline, asksLimits: true)
                    guard let report = reports.first else { throw StorageError(.notFound, "There is no LUN \(lun)") }
                    try VolumeIdentity.check(volume, against: report)
                    return try UnitGeometry(report)
                }
                return try await body(session, geometry)
            }
        } catch {
            throw error.about(.volume, volume.name.printable).about(.target, self.source.target.description)
        }
    }

    /// The same check in the middle of a transfer, for a unit that says that something about it has changed.
    static func verification(
        of volume: Volume, _ geometry: UnitGeometry, _ patience: Duration
    ) -> (ISCSIConnection) throws(StorageError) -> Void {
        { connection throws(StorageError) in
            let reports = try LUNInterview.ask([geometry.lun], on: connection, until: .after(patience))
            if let report = reports.first { try VolumeIdentity.check(volume, against: report) }
        }
    }
}

extension UnitGeometry {
    /// Ways to write zeros, the best first: blocks are deallocated where the unit promises that they read as zeros then.
    var zeroMethods: [ZeroMethod] {
        let deallocates = provisioning.unmapsByWriteSame && readsZeros
        return (deallocates ? [.writeSame(deallocates: true)] : []) + [.writeSame(deallocates: false), .write]
    }
}
