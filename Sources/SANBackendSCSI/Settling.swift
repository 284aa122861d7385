import SANEngine
import SANHost
import SANModel

/// Waits until what a port sees doesn't change any more: LUNs come one by one after a login (L23).
///
/// It is waited for by events, for a quiet while, and never past a limit; what hasn't come by then isn't an error.
struct Settling: Sendable {
    let hbas: VirtualHBAs
    let pace: Pace

    /// How long is waited.
    struct Pace: Sendable, Hashable {
        /// Without a change, once everything that can be expected is there, and where the link is down.
        var quiet: Duration
        /// Without a change where a login, a target or a unit is missing.
        var patience: Duration
        /// In all; so long also for what is half there.
        var limit: Duration
        /// Without an event of the units that a scan has found and whose disks are missing.
        var disks: Duration

        static let standard = Pace(
            quiet: .milliseconds(500), patience: .seconds(5), limit: .seconds(20), disks: .seconds(10))
    }

    /// Waits after a port was made or taken over; scans targets as they come.
    ///
    /// - Throws: `cancelled`, `permission_denied`, `host_failure`, and what a scan throws but `timed_out` and `busy`.
    func run(_ port: FCHost, coordinator: HostCoordinator, until deadline: Deadline) async throws(StorageError) {
        let events = try await hbas.events.listen(to: VirtualHBAs.subsystems)
        let limit = min(Deadline.after(pace.limit), deadline)
        var seen = try await look(at: port.number, until: deadline)
        var end = min(Deadline.after(wait(seen)), limit)
        var scanned: Set<String> = []
        while let sight = seen, !limit.hasPassed {
            let new = sight.remotePorts.filter { $0.isReady && !scanned.contains($0.name) }
            if !new.isEmpty {
                scanned.formUnion(new.map(\.name))
                try await scan(port, coordinator, until: limit)
            } else if try await events.next(until: end) == nil {
                // Nothing has happened for long enough; what has no event (a login has none in libfc) may have changed.
                let last = try await look(at: port.number, until: deadline)
                if last == sight || limit.hasPassed { return }
            }
            seen = try await look(at: port.number, until: deadline)
            if seen != sight { end = min(Deadline.after(wait(seen)), limit) }
        }
    }

    private func wait(_ sight: PortSight?) -> Duration {
        guard let sight else { return pace.quiet }
        if sight.isComplete || sight.isDown { return pace.quiet }
        return sight.problem?.code == .busy ? pace.limit : pace.patience
    }

    private func scan(_ port: FCHost, _ coordinator: HostCoordinator, until limit: Deadline) async throws(StorageError)
    {
        do throws(StorageError) {
            try await HostScan(control: hbas.control).run(on: port.scsiHost, coordinator: coordinator, until: limit)
        } catch {
            // The refresh that follows tells it.
            guard error.code == .timedOut || error.code == .busy else { throw error }
        }
    }

    private func look(at number: UInt32, until deadline: Deadline) async throws(StorageError) -> PortSight? {
        let host = hbas.host
        return try await withBlockingThread(
            named: "san-look", until: deadline, waitingFor: "what scsi_host\(number) sees"
        ) { () throws(StorageError) in
            try PortSight(number: number, units: try SCSIUnit.all(ofHost: number, on: host), on: host)
        }
    }

    /// Waits for the disks of the units that a scan has just found, for udev's links too, as long as they come.
    ///
    /// - Parameter known: units that were there before: what they lack won't come.
    /// - Throws: `cancelled`, `permission_denied`, `host_failure`.
    func awaitNewUnits(
        of scsiHost: SCSIHost, besides known: Set<HCTL>, until deadline: Deadline
    ) async throws(StorageError) {
        try await hbas.awaitDisks(of: scsiHost, besides: known, for: pace.disks, until: deadline)
    }
}
