import SANEngine
import SANHost
import SANModel

// What keeps a volume from being written: those who use it, by whichever path.
extension VolumeOpening {
    /// Opens the device; waits a little where somebody holds it for a moment, and names who holds it for longer.
    func exclusive(_ block: BlockDevice) throws(StorageError) -> OpenBlockDevice {
        let end = min(deadline, .after(DeviceUsers.transientUse))
        var pause = Duration.milliseconds(20)
        while true {
            do throws(StorageError) {
                return try OpenBlockDevice(block, access)
            } catch {
                guard error.code == .busy else { throw error }
            }
            let uses = try DeviceUsers.of(block)
            if !uses.isEmpty || end.hasPassed { throw DeviceUse.refusal(of: block.name, uses) }
            // Nothing tells when an exclusive opener closes.
            _ = Poll.wait([], until: min(end, .after(pause)))
            pause *= 2
        }
    }

    func refuseUsers(of block: BlockDevice) throws(StorageError) {
        guard access == .exclusiveWrite else { return }
        let uses = try DeviceUsers.lasting(of: block, until: deadline)
        if !uses.isEmpty { throw DeviceUse.refusal(of: block.name, uses) }
    }

    /// Who uses a path of a map past the map.
    func refuseDirectUsers(of path: SCSIUnit, below map: DeviceMapping) throws(StorageError) {
        guard access == .exclusiveWrite, let block = path.block else { return }
        let uses = try DeviceUsers.lasting(of: block, until: deadline) { $0.device == map.device }
        if !uses.isEmpty { throw DeviceUse.refusal(of: block.name, uses) }
    }

    func refuseSharedIdentity(of units: [SCSIUnit]) throws(StorageError) {
        let conflicts = try SharedIdentity.conflicts(among: try SCSIUnit.all(on: host))
        for unit in units {
            if let error = conflicts[unit.hctl] { throw error }
        }
    }

    // MARK: Other paths

    /// The host's other ways to a unit: it has one for each pair of ports, whether or not anybody has made a map of them.
    func otherPaths(of unit: SCSIUnit) throws(StorageError) -> [SCSIUnit] {
        guard let wwid = unit.wwid else { return [] }
        return try SCSIUnit.all(on: host).filter { $0.hctl != unit.hctl && $0.wwid == wwid && $0.block != nil }
    }

    /// The map that stands on one of the paths; a path that multipathd hasn't taken yet is one of its LUN all the same.
    func map(of paths: [SCSIUnit]) throws(StorageError) -> DeviceMapping? {
        for path in paths {
            if let map = try path.block?.multipathMap() { return map }
        }
        return nil
    }

    /// Keeps others from using the unit by its other paths while it is written.
    ///
    /// - Throws: `busy` with who uses one of them.
    func hold(_ others: [SCSIUnit]) throws(StorageError) -> [OpenBlockDevice] {
        guard access == .exclusiveWrite else { return [] }
        var held: [OpenBlockDevice] = []
        for path in others {
            guard let block = path.block else { continue }
            // The open of one that isn't running may hang; nobody can begin to use it either.
            if path.isRunning { held.append(try exclusive(block)) }
            try refuseUsers(of: block)
        }
        return held
    }
}
