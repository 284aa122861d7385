import SANModel

/// Finds who uses a block device, and everything that stands on it.
///
/// Read from sysfs and procfs; nothing is opened that could hang. Processes of other users are seen by root only. This process isn't counted.
public struct DeviceUsers: Sendable {
    private let host: HostRoot
    /// The devices, their partitions and their holders, and theirs; each device before what stands on it.
    private let stack: [BlockDevice]
    /// The names of what stands on others.
    private let standing: Set<String>
    private let names: [String: String]
    private let numbers: [DeviceNumber: String]
    private var uses: [DeviceUse] = []

    /// - Returns: every use, the nearest to the device first; sorted within a kind.
    /// - Throws: `permission_denied`, `host_failure` where sysfs or procfs itself can't be read.
    public static func of(_ device: BlockDevice) throws(StorageError) -> [DeviceUse] {
        try of([device])[device.name] ?? []
    }

    /// The same of many devices, for one look at the host's processes.
    ///
    /// - Returns: the uses of each device, by its name; none for a device that nobody uses.
    /// - Throws: `permission_denied`, `host_failure` where sysfs or procfs itself can't be read.
    public static func of(_ devices: [BlockDevice]) throws(StorageError) -> [String: [DeviceUse]] {
        guard let host = devices.first?.folder.host else { return [:] }
        let stacks = try devices.map { device throws(StorageError) in (device.name, try stack(on: device)) }
        var users = try DeviceUsers(stacks.map(\.1), on: host)
        try users.findHolders()
        try users.findMounts()
        users.findSwaps()
        try users.findLoops()
        try users.findFileSystems()
        try users.findExports()
        try users.findProcesses()
        var result: [String: [DeviceUse]] = [:]
        for (name, stack) in stacks {
            let members = Set(stack.map(\.name))
            let uses = users.uses.filter { use in
                // That a device is on others is no use of that device.
                if case .holder = use.kind, use.device == name { return false }
                return members.contains(use.device)
            }
            if !uses.isEmpty { result[name] = uses }
        }
        return result
    }

    /// The uses that last: a program that opens the device for a moment, as blkid and LVM do when something about it has changed, is waited for
    /// (L32).
    ///
    /// Blocks; to be called on a thread of its own.
    ///
    /// - Parameter ignoring: what is no use for the caller.
    public static func lasting(
        of device: BlockDevice, until deadline: Deadline, ignoring: (DeviceUse) -> Bool = { _ in false }
    ) throws(StorageError) -> [DeviceUse] {
        let end = min(deadline, .after(transientUse))
        var pause = Duration.milliseconds(20)
        while true {
            let uses = try of(device).filter { !ignoring($0) }
            if !uses.mayPass || end.hasPassed { return uses }
            // Nothing tells when a program closes a device.
            _ = Poll.wait([], until: min(end, .after(pause)))
            pause *= 2
        }
    }

    /// How long somebody may have a device open for a look.
    package static let transientUse = Duration.seconds(3)

    private init(_ stacks: [[BlockDevice]], on host: HostRoot) throws(StorageError) {
        self.host = host
        standing = Set(stacks.map { $0.dropFirst() }.joined().map(\.name))
        var seen: Set<DeviceNumber> = []
        stack = stacks.joined().filter { seen.insert($0.number).inserted }
        var names: [String: String] = [:]
        for member in stack {
            names[member.node] = member.name
            if let mapping = try member.mapping() { names[mapping.path] = member.name }
            for link in try UdevRecord.read(block: member.number, on: host)?.links ?? [] {
                names["/dev/" + link] = member.name
            }
        }
        self.names = names
        numbers = Dictionary(stack.map { ($0.number, $0.name) }) { first, _ in first }
    }

    /// The device and everything on it, each once, in breadth.
    private static func stack(on device: BlockDevice) throws(StorageError) -> [BlockDevice] {
        var stack = [device]
        var seen: Set<DeviceNumber> = [device.number]
        var next = 0
        while next < stack.count {
            let member = stack[next]
            next += 1
            var above = try member.partitions()
            for holder in try member.holders() {
                if let found = try BlockDevice.named(holder, on: device.folder.host) { above.append(found) }
            }
            for found in above where seen.insert(found.number).inserted { stack.append(found) }
        }
        return stack
    }

    private mutating func add(_ device: String, _ kind: DeviceUse.Kind) {
        let use = DeviceUse(device: device, kind)
        if !uses.contains(use) { uses.append(use) }
    }

    // MARK: The kernel

    private mutating func findHolders() throws(StorageError) {
        for member in stack where standing.contains(member.name) {
            guard try !member.isPartition() else { continue }
            add(member.name, .holder(name: try member.mapping()?.name ?? member.name))
        }
    }

    private mutating func findLoops() throws(StorageError) {
        let folder = SysfsFolder("/sys/block", on: host)
        for name in try folder.names() where name.hasPrefix("loop") {
            guard let file = try folder[name]["loop"].text("backing_file"), let used = names[file] else { continue }
            add(used, .loop(device: name))
        }
    }

    private mutating func findFileSystems() throws(StorageError) {
        let folder = SysfsFolder("/sys/fs/btrfs", on: host)
        for uuid in try folder.names() {
            for member in stack where try folder[uuid]["devices"][member.name].exists() {
                let isMounted = uses.contains { use in
                    if case .mount = use.kind { return use.device == member.name }
                    return false
                }
                if !isMounted { add(member.name, .fileSystem(uuid: uuid)) }
            }
        }
    }

    /// LIO's backstores, `/sys/kernel/config/target/core/HBA/NAME/udev_path`.
    private mutating func findExports() throws(StorageError) {
        let folder = SysfsFolder("/sys/kernel/config/target/core", on: host)
        for adapter in try folder.names() where adapter.contains("_") && adapter != "alua" {
            for name in try folder[adapter].names() {
                guard let path = try folder[adapter][name].text("udev_path"), let used = names[path] else { continue }
                add(used, .export(name: name))
            }
        }
    }

    private mutating func findSwaps() {
        guard let text = ProcessTable.text("/proc/swaps", on: host) else { return }
        for path in ProcessTable.swaps(text) {
            if let used = names[path] { add(used, .swap) }
        }
    }

    // MARK: Processes

    /// The mounts of every mount namespace: a container's are seen in its own only.
    private mutating func findMounts() throws(StorageError) {
        var seen: Set<String> = []
        for process in try ProcessTable.processes(on: host) {
            guard let space = process.mountNamespace, seen.insert(space).inserted,
                let text = ProcessTable.text("/proc/\(process.id)/mountinfo", on: host)
            else { continue }
            for mount in ProcessTable.mounts(text) {
                // A btrfs' number is nobody's: its source names one of its devices.
                guard let used = numbers[mount.device] ?? names[mount.source] else { continue }
                add(used, .mount(at: mount.path))
            }
        }
    }

    private mutating func findProcesses() throws(StorageError) {
        for process in try ProcessTable.processes(on: host) where !process.isThisOne {
            for file in process.openFiles() {
                guard let used = file.number.flatMap({ numbers[$0] }) ?? names[file.path],
                    !(process.looksAtDevices && process.onlyReads(file))
                else { continue }
                add(used, .process(command: process.command, id: process.id))
            }
        }
    }
}

extension BlockDevice {
    /// The device's partitions.
    func partitions() throws(StorageError) -> [BlockDevice] {
        var partitions: [BlockDevice] = []
        for name in try folder.names() where name.hasPrefix(self.name) {
            guard try folder[name].number("partition") != nil, let found = try BlockDevice(folder[name]) else {
                continue
            }
            partitions.append(found)
        }
        return partitions
    }

    func isPartition() throws(StorageError) -> Bool { try folder.number("partition") != nil }
}
