import SANModel

/// Who uses a map: maps that stand on it, mounts, swap space, programs.
struct MapUsers {
    /// The UUIDs of its partitions' maps, which kpartx made and which go with it.
    private(set) var partitions: [String] = []
    private var users: [String] = []
    private let map: MappedDevice
    private let host: HostRoot

    private static let limit = 16 << 20

    /// - Throws: `permission_denied`, `host_failure`.
    init(of map: MappedDevice, on host: HostRoot) throws(StorageError) {
        self.map = map
        self.host = host
        var devices = [map.number: map.path]
        for name in try BlockDevice.named(map.device, on: host)?.holders() ?? [] {
            guard let holder = try BlockDevice.named(name, on: host) else { continue }
            let mapping = try holder.mapping()
            // `part1-mpath-3600…`
            if let uuid = mapping?.uuid, uuid.hasPrefix("part"), uuid.hasSuffix("-" + map.uuid),
                try holder.holders().isEmpty
            {
                partitions.append(uuid)
                devices[holder.number] = mapping?.path ?? holder.node
            } else {
                users.append("\((mapping?.path ?? holder.node).printable) stands on it")
            }
        }
        try readMounts(of: devices)
        try readSwaps(of: devices)
    }

    /// - Throws: `busy`, where somebody uses it and not only looks at it.
    func refuse() throws(StorageError) {
        guard !users.isEmpty else { return }
        throw busy(users.joined(separator: ", "))
    }

    /// The error for a map that was still there at the deadline, with the programs that have it open.
    func stillOpen(causes: [StorageError]) throws(StorageError) -> StorageError {
        let programs = try openers()
        var error = busy(programs.isEmpty ? "it can't be removed" : programs.joined(separator: ", ") + " has it open")
        error.causes = causes
        return error
    }

    private func busy(_ reason: String) -> StorageError {
        StorageError(
            .busy, "The multipath map \(map.name.printable) is in use: \(reason)", subject: .device(map.name.printable))
    }

    private mutating func readMounts(of devices: [DeviceNumber: String]) throws(StorageError) {
        for line in try lines(of: "/proc/self/mountinfo") {
            let words = line.split(separator: " ")
            guard words.count > 4, let number = DeviceNumber(words[2]), let device = devices[number] else { continue }
            users.append("\(device.printable) is mounted at \(String(words[4]).printable)")
        }
    }

    private mutating func readSwaps(of devices: [DeviceNumber: String]) throws(StorageError) {
        let nodes = Dictionary(devices.map { ("/dev/dm-\($0.key.minor)", $0.value) }) { first, _ in first }
        for line in try lines(of: "/proc/swaps") {
            let node = String(line.prefix { !$0.isWhitespace })
            guard let device = nodes[node] ?? devices.values.first(where: { $0 == node }) else { continue }
            users.append("\(device.printable) is swap space")
        }
    }

    /// The programs that have it open, `qemu-system-x86 (1234)`: a look at every process, so only for a message.
    private func openers() throws(StorageError) -> [String] {
        let nodes: Set = ["/dev/\(map.device)", map.path]
        let processes = SysfsFolder("/proc", on: host)
        var programs: [String] = []
        for process in try processes.names() where UInt64(decimal: process) != nil {
            let files = processes[process]["fd"]
            let names = (try? files.names()) ?? []  // of a process that has ended, or that isn't ours to see
            let links = names.lazy.compactMap { try? files.linkText($0) }  // the same
            guard links.contains(where: nodes.contains) else { continue }
            programs.append("\((try processes[process].text("comm") ?? "a program").printable) (\(process))")
            if programs.count == 8 { break }
        }
        return programs
    }

    private func lines(of path: String) throws(StorageError) -> [Substring] {
        let file = LocalFile(try host.resolve(path))
        guard try file.status() != nil else { return [] }
        return String(decoding: try file.read(limit: MapUsers.limit), as: UTF8.self).split(separator: "\n")
    }
}
