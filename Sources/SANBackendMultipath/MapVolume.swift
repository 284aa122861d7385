import SANBlockVolumes
import SANHost
import SANModel

/// One multipath map as a volume: libvirt's name, key and path; the LUN's identity, its paths, and what is wrong with any of them.
struct MapVolume: Sendable {
    private let map: MappedDevice
    private let volumes: BlockVolumes
    private let host: HostRoot
    private var paths: [MapPath] = []
    /// Nil where the map has no table of a multipath target that can be read.
    private var target: MultipathTarget?
    private var problems: [StorageError] = []

    /// Blocks for some reads of sysfs.
    ///
    /// - Parameters:
    ///   - units: the host's SCSI units by their disks.
    ///   - checked: nil where multipathd doesn't run.
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read.
    init(
        _ map: MappedDevice, units: [DeviceNumber: SCSIUnit], checked: [DeviceNumber: CheckedPath]?,
        volumes: BlockVolumes, on host: HostRoot
    ) throws(StorageError) {
        self.map = map
        self.volumes = volumes
        self.host = host
        do throws(StorageError) {
            target = try map.multipathTarget()
        } catch {
            problems.append(error)
        }
        for path in target?.paths ?? [] {
            paths.append(try MapPath(path, units: units, checked: checked?[path.device], on: host))
        }
    }

    /// The units of the paths that I/O can go: those can be asked what they are without waiting for one that is lost.
    var usableUnits: [SCSIUnit] { paths.filter(\.isUsable).compactMap(\.unit) }

    /// - Parameter wrong: what the paths' units say of themselves (``BlockVolumes/findings(of:among:until:)``).
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read.
    func volume(_ wrong: [HCTL: [StorageError]]) throws(StorageError) -> Volume {
        let device = try BlockDevice.numbered(map.number, on: host)
        let record = try UdevRecord.read(block: map.number, on: host)
        var definition = VolumeDefinition(name: map.device, type: .block, capacity: device?.capacity ?? 0)
        definition.allocation = definition.capacity
        definition.key = map.path
        definition.target = VolumeTarget(path: map.path)
        var found = problems + stateProblems(record) + pathProblems(capacity: device?.capacity)
        for problem in paths.compactMap(\.unit).flatMap({ wrong[$0.hctl] ?? [] })
        where !found.contains(where: { $0.message == problem.message }) {
            // One WWID that two units have is told of each of them.
            found.append(problem)
        }
        return Volume(
            definition, unit: try unit(device, record), problems: found.map { Problem($0.about(.volume, map.device)) })
    }

    private func unit(_ device: BlockDevice?, _ record: UdevRecord?) throws(StorageError) -> LogicalUnit {
        // A path that works knows best what the LUN is.
        let known = (paths.filter(\.isUsable) + paths).lazy.compactMap(\.unit).first
        var unit =
            try known.map { unit throws(StorageError) in try volumes.logicalUnit(unit) }
            ?? LogicalUnit(lun: LogicalUnitNumber(raw: 0), deviceType: .disk)
        unit.wwid = map.multipathWWID ?? unit.wwid
        unit.hctl = nil
        unit.blockSize = device?.logicalBlockSize ?? unit.blockSize
        unit.multipath = map.path
        unit.paths = paths.map(\.path)
        unit.linksByPath = record?.links(in: UdevRecord.pathFolder) ?? []
        unit.linksByID = record?.links(in: UdevRecord.identityFolder) ?? []
        unit.map = MultipathMap(
            alias: map.name, policy: target?.policy, features: target?.features ?? [],
            hardwareHandler: target?.hardwareHandler, isQueueing: target?.queuesWithoutPaths ?? false,
            groups: groups)
        return unit
    }

    private var groups: [MultipathMap.Group] {
        let names = Dictionary(paths.map { ($0.number, $0.name) }) { first, _ in first }
        return (target?.groups ?? []).map { group in
            MultipathMap.Group(
                state: group.state.rawValue, selector: group.selector,
                devices: group.paths.map { names[$0.device] ?? $0.device.description })
        }
    }

    // MARK: What is wrong

    private func problem(_ code: StorageError.Code, _ message: String) -> StorageError {
        StorageError(code, message, subject: .device(map.device))
    }

    private func stateProblems(_ record: UdevRecord?) -> [StorageError] {
        let name = map.name.printable
        var problems: [StorageError] = []
        if map.isSuspended {
            problems.append(problem(.unavailable, "\(name) is suspended, and all I/O waits: dmsetup resume \(name)"))
        }
        if map.goesWhenClosed {
            problems.append(
                problem(.invalidState, "\(name) goes when its last user closes it: a deferred removal was asked for"))
        }
        if record?.links.contains("mapper/\(map.name)") != true {
            problems.append(problem(.unavailable, "udev has made no \(map.path.printable) yet"))
        } else if record?[property: "MPATH_DEVICE_READY"] == "0" {
            problems.append(problem(.unavailable, "multipath's rules for udev say that \(name) isn't ready"))
        }
        return problems
    }

    private func pathProblems(capacity: ByteCount?) -> [StorageError] {
        guard let target else { return [] }
        let name = map.name.printable
        var problems = paths.compactMap { $0.mismatch(with: map.multipathWWID) }
        let dead = paths.filter { !$0.isUsable }
        if dead.count == paths.count {
            let what = paths.isEmpty ? "\(name) has no paths" : "\(name) has no active path of \(paths.count)"
            let consequence =
                target.queuesWithoutPaths
                ? ", and lets I/O wait without end: whoever opens it hangs" : ": all I/O fails"
            problems.append(problem(.unavailable, what + consequence))
        } else if !dead.isEmpty {
            let list = dead.map { "\($0.name.printable) is \($0.state)" }.joined(separator: ", ")
            problems.append(
                problem(
                    .unavailable, "Degraded: \(paths.count - dead.count) of \(paths.count) paths are active; \(list)"))
        }
        let sizes = Set(paths.compactMap(\.capacity))
        if sizes.count > 1 {
            let list = paths.map { "\($0.name.printable) \($0.capacity?.description ?? "unknown")" }
            problems.append(
                problem(
                    .invalidState,
                    "The paths of \(name) have different sizes (\(list.joined(separator: ", "))): rescan each of them"))
        } else if let size = sizes.first, let capacity, size != capacity {
            problems.append(
                problem(
                    .invalidState,
                    "\(name) has \(capacity) and its paths have \(size): multipathd resize map \(name)"))
        }
        return problems
    }

    /// Notes the maps that lead to one LUN: whoever writes to both writes over himself.
    static func markSharedUnits(_ volumes: inout [Volume]) {
        var users: [String: [Int]] = [:]
        for (index, volume) in volumes.enumerated() {
            for name in Set([volume.unit?.wwid].compactMap(\.self) + (volume.unit?.paths.compactMap(\.device) ?? [])) {
                users[name, default: []].append(index)
            }
        }
        let shared = Set(users.values.filter { $0.count > 1 })
        for group in shared.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let names = group.map { volumes[$0].path.printable }.joined(separator: " and ")
            for index in group {
                volumes[index].problems.append(
                    Problem(
                        code: .invalidState,
                        message: "\(names) lead to one LUN: use only one of them, remove the other",
                        subject: .volume(volumes[index].name)))
            }
        }
    }
}

extension MappedDevice {
    /// The multipath target of the table.
    ///
    /// - Throws: `unavailable` for a map without a table, `unsupported` for one that isn't a single multipath target, `host_failure` for
    ///   what can't be read.
    fileprivate func multipathTarget() throws(StorageError) -> MultipathTarget {
        let name = name.printable
        guard hasTable, let table = table.first, let status = status.first else {
            throw StorageError(
                .unavailable, "\(name) has no table: nothing can be read or written", subject: .device(device))
        }
        let types = self.table.map(\.type)
        guard types == ["multipath"], self.status.count == 1 else {
            throw StorageError(
                .unsupported,
                "\(name) isn't one multipath target: its table has \(types.joined(separator: ", ").printable)",
                subject: .device(device))
        }
        return try MultipathTarget(table: table.parameters, status: status.parameters)
    }
}
