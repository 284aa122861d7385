public import SANModel

/// Deletes the kernel's devices of units that aren't there any more, once nobody uses them.
///
/// A map whose paths all go is removed first (L34); of one that keeps paths, multipathd takes the others out.
public struct UnitRemoval: Sendable {
    private let host: HostRoot
    private let maps: MultipathMaps
    private let daemon: MultipathDaemon

    public init(host: HostRoot, mapper: any DeviceMapperAccess, events: any DeviceEventSource) {
        self.host = host
        maps = MultipathMaps(host: host, mapper: mapper, events: events)
        daemon = MultipathDaemon(host: host)
    }

    /// Deletes what can be deleted; nobody may scan the units' hosts meanwhile (L14).
    ///
    /// Equivalent to: `echo 1 > /sys/block/sdX/device/delete`
    ///
    /// Requires: root.
    ///
    /// - Returns: why the others stay.
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read; `timed_out`, `cancelled`.
    public func remove(_ units: [SCSIUnit], until deadline: Deadline) async throws(StorageError) -> [HCTL: StorageError]
    {
        let daemon = daemon
        let plan = try await withBlockingThread(
            named: "san-users", until: deadline, waitingFor: "who uses units that are gone"
        ) { () throws(StorageError) in try Plan(units, hasDaemon: try daemon.isRunning()) }
        var kept = plan.kept
        var deletable = plan.free
        for (wwid, paths) in plan.maps.sorted(by: { $0.key < $1.key }) {
            do throws(StorageError) {
                _ = try await maps.remove(wwid: wwid, until: deadline)
                deletable += paths
            } catch {
                if error.code == .cancelled { throw error }
                for path in paths { kept[path.hctl] = error }
            }
        }
        var forgotten: Set<DeviceNumber> = []
        for unit in deletable {
            do throws(StorageError) {
                try await withBlockingThread(
                    named: "san-delete", until: deadline, waitingFor: "the kernel to delete \(unit.hctl)"
                ) { () throws(StorageError) in try unit.delete() }
                if let number = unit.block?.number { forgotten.insert(number) }
            } catch {
                if error.code == .cancelled { throw error }
                kept[unit.hctl] = error
            }
        }
        if !forgotten.isEmpty, plan.hasDaemon { try await maps.waitUntilForgotten(forgotten, until: deadline) }
        return kept
    }

    /// What is to become of each unit.
    private struct Plan: Sendable {
        let hasDaemon: Bool
        var free: [SCSIUnit] = []
        /// By WWID, those that all paths of a map lead to.
        var maps: [String: [SCSIUnit]] = [:]
        var kept: [HCTL: StorageError] = [:]

        init(_ units: [SCSIUnit], hasDaemon: Bool) throws(StorageError) {
            self.hasDaemon = hasDaemon
            let going = Set(units.compactMap(\.block?.name))
            var unmapped: [SCSIUnit] = []
            for unit in units {
                guard let map = try unit.block?.multipathMap(), let wwid = map.multipathWWID,
                    let device = try unit.block.flatMap({ block throws(StorageError) in
                        try BlockDevice.named(map.device, on: block.folder.host)
                    })
                else {
                    unmapped.append(unit)
                    continue
                }
                if try going.isSuperset(of: device.slaves()) {
                    maps[wwid, default: []].append(unit)
                } else if hasDaemon {
                    free.append(unit)
                } else {
                    kept[unit.hctl] = StorageError(
                        .busy,
                        "\(unit.hctl) is a path of \(map.name.printable), and multipathd isn't there to take it out",
                        subject: .device(unit.hctl.description))
                }
            }
            let uses = try DeviceUsers.of(unmapped.compactMap(\.block))
            for unit in unmapped {
                if let name = unit.block?.name, let users = uses[name] {
                    kept[unit.hctl] = DeviceUse.refusal(of: name, users)
                } else {
                    free.append(unit)
                }
            }
        }
    }
}

extension SCSIUnit {
    /// Deletes the kernel's device of the unit; one that is gone already is none to delete.
    fileprivate func delete() throws(StorageError) {
        do throws(StorageError) {
            try folder.write("1", to: "delete")
        } catch {
            guard error.code != .notFound else { return }
            throw error
        }
    }
}
