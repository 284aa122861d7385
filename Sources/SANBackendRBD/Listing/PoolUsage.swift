import CCeph
import SANModel

/// What a Ceph pool holds and still takes, as its clients count: replication and erasure coding are taken off, and its quota bounds it.
struct PoolUsage: Sendable, Hashable {
    var allocation: UInt64
    var available: UInt64

    /// The sum, clamped.
    var capacity: UInt64 {
        let (sum, overflow) = allocation.addingReportingOverflow(available)
        return overflow ? .max : sum
    }

    /// As `ceph df detail` asks.
    static let command = #"{"prefix":"df","detail":"detail","format":"json"}"#

    init(allocation: UInt64, available: UInt64) {
        self.allocation = allocation
        self.available = available
    }

    /// - Returns: nil where the answer doesn't tell of the pool.
    init?(answer: [UInt8], pool: Int64) {
        guard let document = JSONText(answer),
            let entry = document["pools"]?.elements.first(where: { $0["id"]?.count == UInt64(exactly: pool) }),
            let stats = entry["stats"], let limit = stats["max_avail"]?.count
        else { return nil }
        allocation = stats["stored"]?.count ?? stats["bytes_used"]?.count ?? 0
        let quota = stats["quota_bytes"]?.count ?? 0
        available = quota == 0 ? limit : min(limit, quota - min(quota, allocation))
    }
}

extension ClusterConnection {
    /// Asks the monitors; blocks up to `rados_mon_op_timeout`.
    ///
    /// - Throws: `permission_denied` for a user who may not ask, `timed_out`, `unavailable`, `backend_failure`.
    func usage() throws(StorageError) -> PoolUsage {
        let answer = try monitorCommand(PoolUsage.command)
        guard let usage = PoolUsage(answer: answer, pool: poolID) else {
            throw StorageError(
                .backendFailure,
                "The monitors don't tell how much the Ceph pool '\(source.pool.printable)' takes: see that a ceph-mgr runs"
            )
        }
        return usage
    }

    /// The longest answer that is looked at.
    private static let answerLimit = 16 << 20

    private func monitorCommand(_ command: String) throws(StorageError) -> [UInt8] {
        let functions = unsafe CephLibrary.functions
        var answer: UnsafeMutablePointer<CChar>?
        var (length, saidLength) = (0, 0)
        var said: UnsafeMutablePointer<CChar>?
        let result = unsafe command.withCString { text in
            var commands: [UnsafePointer<CChar>?] = unsafe [text]
            return unsafe functions.rados_mon_command(
                handle, &commands, 1, "", 0, &answer, &length, &said, &saidLength)
        }
        defer {
            if unsafe answer != nil { unsafe functions.rados_buffer_free(answer) }
            if unsafe said != nil { unsafe functions.rados_buffer_free(said) }
        }
        guard result >= 0 else {
            throw CephFailure(result).error(cannot: "ask the monitors what the pool '\(source.pool.printable)' takes")
        }
        guard let answer = unsafe answer, length <= ClusterConnection.answerLimit else { return [] }
        return unsafe UnsafeRawBufferPointer(start: answer, count: length).map { $0 }
    }
}
