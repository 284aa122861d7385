public import SANBlockVolumes
public import SANEngine
import SANHost
public import SANModel

/// An `mpath` pool that was started.
public struct MultipathPool: VolumeInspection, BlockVolumePool {
    private let host: HostRoot
    private let mapper: any DeviceMapperAccess
    /// For the bytes of the maps: each is found again by its WWID, and every path of it is asked before the first byte.
    public let volumes: BlockVolumes

    init(host: HostRoot, mapper: any DeviceMapperAccess, volumes: BlockVolumes) {
        self.host = host
        self.mapper = mapper
        self.volumes = volumes
    }

    /// Two requests to device-mapper for each map, one question to multipathd for all, sysfs, and a few commands to each path that works: no map
    /// is opened, so none can hang (L35).
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let maps = try await mapper.multipathMaps(until: context.deadline)
        var problems = maps.problems.map(Problem.init)
        let checked = await checkedPaths(&problems, until: context.deadline)
        let (host, volumes) = (host, volumes)
        let (found, units) = try await withBlockingThread(
            named: "san-mpath", until: context.deadline, waitingFor: "sysfs"
        ) { () throws(StorageError) in
            let units = try SCSIUnit.all(on: host)
            let disks = Dictionary(
                units.compactMap { unit in unit.block.map { ($0.number, unit) } },
                uniquingKeysWith: { first, _ in first })
            var found: [MapVolume] = []
            for map in maps.devices {
                found.append(try MapVolume(map, units: disks, checked: checked, volumes: volumes, on: host))
            }
            return (found, units)
        }
        let wrong = try await volumes.findings(
            of: found.flatMap(\.usableUnits), among: units, until: context.deadline
        ).problems
        var listed = try await withBlockingThread(
            named: "san-mpath", until: context.deadline, waitingFor: "sysfs"
        ) { () throws(StorageError) in
            var listed: [Volume] = []
            for map in found { listed.append(try map.volume(wrong)) }
            return listed
        }
        MapVolume.markSharedUnits(&listed)
        let capacity = listed.reduce(ByteCount(0)) { sum, volume in
            sum.adding(volume.definition.capacity ?? 0) ?? ByteCount(.max)
        }
        return PoolSnapshot(
            capacity: capacity, allocation: capacity, available: 0, volumes: listed, problems: problems)
    }

    /// The maps stay: nothing was made when the pool was started.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        .unchanged(())
    }

    /// - Throws: `not_found` where the map is gone, or another one has come to its name.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        let snapshot = try await refresh(in: context)
        let found = snapshot.volumes.first { $0.name == volume.name }
        guard let found, found.unit?.wwid == volume.unit?.wwid, found.path == volume.path else {
            throw StorageError(
                .notFound, "The map \(volume.path.printable) isn't \(volume.name.printable) any more: refresh the pool",
                subject: .volume(volume.name.printable))
        }
        return found
    }

    /// What multipathd's checkers saw; nil where it doesn't run, and a problem of the pool where it doesn't answer.
    private func checkedPaths(
        _ problems: inout [Problem], until deadline: Deadline
    ) async -> [DeviceNumber: CheckedPath]? {
        do throws(StorageError) {
            return try await MultipathDaemon(host: host).paths(until: min(deadline, .after(MultipathPool.patience)))
        } catch {
            problems.append(Problem(error))
            return nil
        }
    }

    /// What multipathd gets to answer: what device-mapper knows can be shown without it.
    private static let patience: Duration = .seconds(10)
}
