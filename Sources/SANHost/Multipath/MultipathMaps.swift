public import SANModel

/// Takes multipath maps away, before their paths go: a path that is deleted below its map corrupts what stands on it (L34).
///
/// Nothing is removed by force (L43) or later (L44), and multipathd is never told to read its configuration anew (L41).
public struct MultipathMaps: Sendable {
    private let host: HostRoot
    private let mapper: any DeviceMapperAccess
    private let daemon: MultipathDaemon
    private let events: any DeviceEventSource

    public init(host: HostRoot, mapper: any DeviceMapperAccess, events: any DeviceEventSource) {
        self.host = host
        self.mapper = mapper
        self.events = events
        daemon = MultipathDaemon(host: host)
    }

    /// Removes the map of a WWID, and its partitions' maps, where nobody uses it.
    ///
    /// A mount, swap space or another map on it is refused at once. A program that only has it open is waited for, as udev, blkid and LVM look
    /// into each device for a moment (L32). Where no path is left, its queue is ended first: what waits in it would wait for ever (L35). A map
    /// that stays is left as it was: resumed (L42), and queueing again.
    ///
    /// Equivalent to: `multipath -f NAME`
    ///
    /// Requires: root.
    ///
    /// - Parameter wwid: as multipath has it, `3600…`.
    /// - Throws: `busy` with who uses it, `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    public func remove(wwid: String, until deadline: Deadline) async throws(StorageError) -> Change<Void> {
        let uuid = "mpath-" + wwid
        guard let map = try await mapper.device(uuid: uuid, until: deadline) else { return .unchanged(()) }
        try MapUsers(of: map, on: host).refuse()
        let events = try await events.listen(to: ["block"])
        let queue = MapQueue(uuid: uuid, name: map.commandName, mapper: mapper, daemon: daemon)
        do throws(StorageError) {
            try await removeOnceClosed(uuid, queue, events, until: deadline)
        } catch {
            throw await queue.restore(after: error, wasSuspended: map.isSuspended)
        }
        return .changed(())
    }

    /// Waits until multipathd has forgotten paths that were deleted: another LUN that gets their names meets what it remembers (L38).
    ///
    /// - Throws: `timed_out`, `unavailable`, `cancelled`, `host_failure`.
    public func waitUntilForgotten(
        _ paths: Set<DeviceNumber>, until deadline: Deadline
    ) async throws(StorageError) {
        let stream = try await events.listen(to: ["block"])
        var pause = Pause()
        while true {
            guard let known = try await daemon.paths(until: deadline) else { return }
            let left = paths.intersection(known.keys)
            guard !left.isEmpty else { return }
            guard !deadline.hasPassed else {
                let names = left.sorted().map(\.description).joined(separator: " ")
                throw StorageError(.timedOut, "multipathd still has the paths \(names), which are gone")
            }
            try await pause.wait(for: stream, until: deadline)
        }
    }

    private func removeOnceClosed(
        _ uuid: String, _ queue: MapQueue, _ events: any DeviceEventStream, until deadline: Deadline
    ) async throws(StorageError) {
        var users: MapUsers?
        var refusals: [StorageError] = []
        var pause = Pause()
        do throws(StorageError) {
            while let map = try await mapper.device(uuid: uuid, until: deadline) {
                let now = try MapUsers(of: map, on: host)
                users = now
                try now.refuse()
                try await queue.end(of: map, until: deadline)
                do throws(StorageError) {
                    for partition in now.partitions { _ = try await mapper.remove(uuid: partition, until: deadline) }
                    try await removeNow(map, until: deadline)
                } catch {
                    guard error.code == .busy else { throw error }
                    refusals = [error]
                }
                guard let left = try await mapper.device(uuid: uuid, until: deadline) else { return }
                if left.isSuspended, !map.isSuspended { _ = try await mapper.resume(uuid: uuid, until: deadline) }
                guard !deadline.hasPassed else {
                    throw StorageError(.timedOut, "The multipath map \(map.name.printable) is still there")
                }
                try await pause.wait(for: events, until: deadline)
            }
        } catch {
            guard error.code == .timedOut, let users else { throw error }
            throw users.stillThere(causes: refusals)
        }
    }

    /// One attempt, through multipathd where it runs: it would make a map anew that goes behind its back.
    private func removeNow(_ map: MappedDevice, until deadline: Deadline) async throws(StorageError) {
        switch try await daemon.perform(.remove, onMap: map.commandName, until: deadline) {
        case true: break
        case false: throw StorageError(.busy, "multipathd doesn't remove \(map.name.printable)")
        case nil: _ = try await mapper.remove(uuid: map.uuid, until: deadline)
        }
    }
}

extension MappedDevice {
    /// What multipathd's commands take: its name, or the kernel's where the name has letters that mean something in a command.
    var commandName: String {
        let isPlain = name.utf8.allSatisfy { byte in
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                || "-_.:+=@#".utf8.contains(byte)
        }
        return isPlain && !name.isEmpty ? name : device
    }
}

/// Waits between two attempts: for an event, and not longer than twice as long as the last time.
private struct Pause {
    private var length: Duration = .milliseconds(50)
    private static let longest: Duration = .seconds(2)

    mutating func wait(for events: any DeviceEventStream, until deadline: Deadline) async throws(StorageError) {
        _ = try await events.next(until: min(deadline, .after(length)))
        length = min(length * 2, Pause.longest)
    }
}
