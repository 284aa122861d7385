public import SANEngine
import SANHost
public import SANModel

extension ISCSIDirectPool {
    /// Overwrites every block of a LUN to the last, after checking that the LUN is still the unit that was listed.
    ///
    /// `zero` uses WRITE SAME(16) where the unit has it; `trim` deallocates with UNMAP, or with WRITE SAME(16) where that is all the unit
    /// has; the others write each pass that `scrub(1)` documents, and read back where it does. What a storage array keeps behind the LUN
    /// (snapshots, spare flash) no overwriting reaches.
    ///
    /// - Throws: `unsupported` for `trim` on a unit that can't deallocate, `invalid_state` for a LUN that is another unit now, `cancelled`,
    ///   and what logging in and writing throw.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let passes = algorithm.passes
        return try await withDisk(volume, in: context) { session, geometry throws(StorageError) in
            var moved: UInt64 = 0
            for (index, pass) in passes.enumerated() {
                let before = UInt64(index) * geometry.capacity
                let total = ByteCount(UInt64(passes.count) * geometry.capacity)
                let run = WipeRun(volume: volume, geometry: geometry, pass: pass, patience: context.patience) { done in
                    context.progress.report(done: ByteCount(before + done), total: total)
                }
                moved += try await session.run { connection throws(StorageError) in try run.run(on: connection) }
            }
            return TransferSummary(bytes: ByteCount(geometry.capacity), moved: ByteCount(moved))
        }
    }
}

/// One pass over one unit.
private struct WipeRun: Sendable {
    let volume: Volume
    let geometry: UnitGeometry
    let pass: WipePass
    let patience: Duration
    let report: @Sendable (UInt64) -> Void

    /// - Returns: how many bytes were sent.
    func run(on connection: ISCSIConnection) throws(StorageError) -> UInt64 {
        if case .verify(let byte) = pass {
            var reader = UnitReader(
                0..<geometry.capacity, of: geometry, on: connection,
                to: VerifySink(
                    expected: byte, of: "LUN \(geometry.lun)", geometry.transfer, window: UnitGeometry.window),
                patience: patience, report: report)
            try reader.run()
            report(geometry.capacity)
            return 0
        }
        var writer = UnitWriter(
            PassSource(pass, over: geometry.transfer), to: geometry, on: connection, methods: try methods(),
            patience: patience,
            verify: ISCSIDirectPool.verification(of: volume, geometry, patience), report: report)
        return try writer.run().moved
    }

    private func methods() throws(StorageError) -> [ZeroMethod] {
        guard pass == .deallocation else { return [.writeSame(deallocates: false), .write] }
        let unmaps = geometry.provisioning.unmaps || (geometry.isProvisioned && geometry.limits.maximumUnmap != nil)
        let methods =
            (unmaps ? [ZeroMethod.unmap] : [])
            + (geometry.provisioning.unmapsByWriteSame ? [.writeSame(deallocates: true)] : [])
        guard !methods.isEmpty else {
            throw StorageError(
                .unsupported, "LUN \(geometry.lun) can't deallocate blocks: wipe it with 'zero'",
                subject: .volume(volume.name.printable))
        }
        return methods
    }
}
