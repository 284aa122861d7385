import SANModel

/// Who uses a map: maps that stand on it, mounts, swap space, programs.
struct MapUsers {
    /// The UUIDs of its partitions' maps, which kpartx made and which go with it.
    let partitions: [String]
    private let uses: [DeviceUse]
    private let map: MappedDevice

    /// - Throws: `permission_denied`, `host_failure`.
    init(of map: MappedDevice, on host: HostRoot) throws(StorageError) {
        self.map = map
        guard let device = try BlockDevice.numbered(map.number, on: host) else {
            (partitions, uses) = ([], [])
            return
        }
        var parts: [DeviceMapping] = []
        for holder in try device.holders() {
            // `part1-mpath-3600…`
            guard let mapping = try BlockDevice.named(holder, on: host)?.mapping(), mapping.uuid.hasPrefix("part"),
                mapping.uuid.hasSuffix("-" + map.uuid)
            else { continue }
            parts.append(mapping)
        }
        partitions = parts.map(\.uuid)
        uses = try DeviceUsers.of(device).filter { use in
            guard case .holder = use.kind else { return true }
            return !parts.contains { $0.device == use.device }
        }
    }

    /// - Throws: `busy`, where somebody uses it and doesn't only have it open.
    func refuse() throws(StorageError) {
        let lasting = uses.filter { !$0.isProcess }
        if !lasting.isEmpty { throw busy(lasting) }
    }

    /// The error for a map that was still there at the deadline.
    func stillThere(causes: [StorageError]) -> StorageError {
        var error = busy(uses)
        error.causes = causes
        return error
    }

    private func busy(_ uses: [DeviceUse]) -> StorageError {
        let reasons = uses.map { $0.device == map.device ? "\($0)" : "\($0.device.printable) is \($0)" }
        let reason = reasons.isEmpty ? "it can't be removed" : "it is " + reasons.joined(separator: ", ")
        return StorageError(
            .busy, "The multipath map \(map.name.printable) is in use: \(reason)", subject: .device(map.name.printable))
    }
}

extension DeviceUse {
    /// A program that has the device open, perhaps only for a moment.
    fileprivate var isProcess: Bool {
        if case .process = kind { true } else { false }
    }
}
