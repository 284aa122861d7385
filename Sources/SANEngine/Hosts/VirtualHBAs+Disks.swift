public import SANHost
public import SANModel

extension VirtualHBAs {
    /// Waits for the disks of the units that a scan has just found, for udev's links too; what hasn't come by then isn't an error.
    ///
    /// - Parameters:
    ///   - known: units that were there before: what they lack won't come.
    ///   - patience: how long at most nothing may be heard of any of them.
    /// - Throws: `cancelled`, `permission_denied`, `host_failure`.
    public func awaitDisks(
        of scsiHost: SCSIHost, besides known: Set<HCTL>, for patience: Duration, until deadline: Deadline
    ) async throws(StorageError) {
        let (host, number) = (host, scsiHost.number)
        do throws(StorageError) {
            let found = try await withBlockingThread(
                named: "san-look", until: deadline, waitingFor: "the units of \(scsiHost.name)"
            ) { () throws(StorageError) in try SCSIUnit.addresses(ofHost: number, on: host) }
            try await UnitArrival(host: host, events: events, awaitsMaps: false).wait(
                for: Set(found).subtracting(known), named: "the disks of \(scsiHost.name)", quiet: patience,
                until: deadline)
        } catch {
            // The units that have no disk yet are listed with that problem.
            guard error.code == .timedOut else { throw error }
        }
    }
}
