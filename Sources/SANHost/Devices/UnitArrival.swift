public import SANModel

/// Waits until nothing more will come of units that a scan has found: their disks, udev's names of them, and the maps that multipathd makes.
///
/// Udev starts several programs for each disk, and needs the processors itself: what an event isn't about is not read again, or the wait would
/// grow with the square of the units and hold up what it waits for (L26).
public struct UnitArrival: Sendable {
    private let host: HostRoot
    private let events: any DeviceEventSource
    private let awaitsMaps: Bool
    /// When a quiet that begins now ends.
    private let endOfQuiet: @Sendable (Duration) -> Deadline

    /// - Parameter awaitsMaps: whether a disk that multipathd has taken is complete only with its map.
    public init(host: HostRoot, events: any DeviceEventSource, awaitsMaps: Bool) {
        self.init(host: host, events: events, awaitsMaps: awaitsMaps) { .after($0) }
    }

    init(
        host: HostRoot, events: any DeviceEventSource, awaitsMaps: Bool,
        endOfQuiet: @escaping @Sendable (Duration) -> Deadline
    ) {
        self.host = host
        self.events = events
        self.awaitsMaps = awaitsMaps
        self.endOfQuiet = endOfQuiet
    }

    /// - Parameters:
    ///   - units: one that goes meanwhile isn't waited for.
    ///   - what: for the message of `timed_out`: "the disks of scsi_host3".
    ///   - quiet: how long nothing may be heard of any of them.
    /// - Throws: `timed_out` where something hasn't come, `cancelled`, `unavailable`, `permission_denied`, `host_failure`.
    public func wait(
        for units: Set<HCTL>, named what: String, quiet: Duration, until deadline: Deadline
    ) async throws(StorageError) {
        guard !units.isEmpty else { return }
        let stream = try await events.listen(to: ["block", "scsi"])
        var pending = try await incomplete(among: units, what, until: deadline)
        var end = min(deadline, endOfQuiet(quiet))
        while !pending.isEmpty {
            // Events that are there already come at once, also behind the end.
            guard !end.hasPassed, let event = try await stream.next(until: end) else {
                // The events of what has come may still be on their way.
                let remaining = try await incomplete(among: pending, what, until: deadline)
                guard remaining != pending else { throw StorageError(.timedOut, "Waited in vain for \(what)") }
                pending = remaining
                end = min(deadline, endOfQuiet(quiet))
                continue
            }
            let concerned = UnitArrival.concerned(by: event, among: pending)
            guard !concerned.isEmpty else { continue }
            let remaining = try await incomplete(among: concerned, what, until: deadline)
            if event.unit != nil || remaining != concerned { end = min(deadline, endOfQuiet(quiet)) }
            pending.subtract(concerned.subtracting(remaining))
        }
    }

    /// The units that may be complete after an event.
    static func concerned(by event: DeviceEvent, among pending: Set<HCTL>) -> Set<HCTL> {
        // What comes of a unit is a block device of its own, or a map on it. Otherwise it is of interest only when it goes.
        guard event.subsystem != "scsi" || event.action == "remove" else { return [] }
        if let unit = event.unit { return pending.intersection([unit]) }
        // Of what hangs on no unit a map may be one of a unit's, and events that were lost may have been anything.
        return event.path.isEmpty || event.path.contains("/block/dm-") ? pending : []
    }

    private func incomplete(
        among units: Set<HCTL>, _ what: String, until deadline: Deadline
    ) async throws(StorageError) -> Set<HCTL> {
        let (host, awaitsMaps) = (host, awaitsMaps)
        return try await withBlockingThread(named: "san-look", until: deadline, waitingFor: what) {
            () throws(StorageError) in
            var incomplete: Set<HCTL> = []
            for hctl in units {
                guard let unit = try SCSIUnit.at(hctl, on: host) else { continue }
                let hasMap = awaitsMaps ? try unit.hasExpectedMap() : true
                if !unit.isSettled || !hasMap { incomplete.insert(hctl) }
            }
            return incomplete
        }
    }
}

extension SCSIUnit {
    /// Whether nothing is to be waited for: a disk has its block device, and udev has seen it.
    ///
    /// Other types may never get one.
    public var isSettled: Bool {
        guard deviceType == .disk else { return true }
        return block != nil && udev?.isInitialized == true
    }

    /// Whether there is a map on the disk, where udev's rules have given it to multipathd.
    fileprivate func hasExpectedMap() throws(StorageError) -> Bool {
        guard let block, udev?[property: "DM_MULTIPATH_DEVICE_PATH"] == "1" else { return true }
        return try block.multipathMap() != nil
    }
}

extension DeviceEvent {
    /// The unit whose device it is, or whose disk; nil for what hangs on no unit.
    fileprivate var unit: HCTL? {
        path.split(separator: "/").reversed().lazy.compactMap { HCTL(String($0)) }.first
    }
}
