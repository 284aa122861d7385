import Synchronization

/// The guest's `multipathd`, with a configuration of the test's own.
public final class LabMultipath: Sendable {
    /// Every disk is a map but the machine's own; one without a path fails what is asked of it, as nobody's reads may hang at a test's end.
    public static let configuration = """
        defaults {
            user_friendly_names no
            find_multipaths no
            polling_interval 2
            no_path_retry fail
        }
        blacklist {
            device {
                vendor QEMU
            }
            device {
                vendor ATA
            }
        }

        """

    private let lab: Lab
    private let daemon = Mutex<Int32>(0)

    init(_ lab: Lab, configuration: String) async throws {
        self.lab = lab
        try await lab.load("dm-multipath", "dm-service-time", "dm_round_robin", "dm_queue_length", "scsi_dh_alua")
        lab.atEnd("The multipath maps") { [self] in try await remove() }
        try LabFile.write("/etc/multipath.conf", configuration)
        try await start()
    }

    // MARK: The daemon

    /// Starts `multipathd`, and waits until it has made maps of what is there.
    public func start() async throws {
        let log = lab.folder.appending("multipathd.log")
        let pid = try Spawn.start(
            ["/usr/sbin/multipathd", "-d", "-s"], environment: [], log: log, package: "multipath-tools")
        daemon.withLock { $0 = pid }
        try await lab.wait(for: "multipathd to be ready") {
            guard Spawn.isRunning(pid) else { throw LabFailure("multipathd ended: \(try LabFile.read(log))") }
            let state = try await lab.attempt("multipathd", ["show", "daemon"])
            return state.status == 0 && String(decoding: state.output, as: UTF8.self).contains("idle")
        }
        try await lab.settle()
    }

    /// Ends `multipathd` by its pid; its maps stay in the kernel.
    public func stop() {
        daemon.withLock { pid in
            if pid > 0 { Spawn.end(pid) }
            pid = 0
        }
    }

    /// Runs a command of the running daemon, as `show`, `paths`, and gives its answer.
    @discardableResult
    public func command(_ words: String...) async throws -> String {
        let result = try await lab.attempt("multipathd", words)
        let answer = String(decoding: result.output, as: UTF8.self)
        guard result.status == 0, !answer.hasPrefix("fail") else {
            throw LabFailure("multipathd \(words.joined(separator: " ")): \(answer)\(result.diagnostics)")
        }
        return answer
    }

    // MARK: Maps

    /// The kernel's multipath maps: their WWIDs and the names of their devices, as `dm-0`.
    public static var maps: [String: String] {
        var maps: [String: String] = [:]
        for name in LabFile.names(in: "/sys/block") where name.hasPrefix("dm-") {
            let device = LabFile.block.appending(name)
            // A map may go while it is read.
            guard let uuid = try? LabFile.read(device.appending("dm/uuid")), uuid.hasPrefix("mpath-") else { continue }
            maps[String(uuid.dropFirst(6))] = name
        }
        return maps
    }

    /// The disks below a map, as `sda`.
    public static func paths(of wwid: String) -> [String] {
        guard let device = maps[wwid] else { return [] }
        return LabFile.names(in: LabFile.block.appending(device).appending("slaves"))
    }

    /// Waits for a map with so many paths, and for its links.
    public func map(_ wwid: String, paths: Int) async throws {
        try await lab.wait(for: "the map \(wwid) with \(paths) paths, of \(LabMultipath.maps)") {
            LabMultipath.paths(of: wwid).count == paths
        }
        try await lab.settle()
    }

    // MARK: The end

    private func remove() async throws {
        if daemon.withLock({ $0 }) > 0 {
            // A map that waits for a path would keep whoever flushes it waiting too.
            _ = try await lab.attempt("multipathd", ["disablequeueing", "maps"])
        }
        stop()
        for (wwid, _) in LabMultipath.maps {
            _ = try await lab.attempt("dmsetup", ["message", wwid, "0", "fail_if_no_path"])
        }
        try await lab.wait(for: "the end of the maps") {
            if LabMultipath.maps.isEmpty { return true }
            _ = try await lab.attempt("multipath", ["-F"])
            return LabMultipath.maps.isEmpty
        }
        try LabFile.remove("/etc/multipath.conf")
        for name in ["bindings", "wwids"] { try LabFile.remove(LabFile.multipath.appending(name)) }
        try await lab.settle()
    }
}

extension Lab {
    /// Starts the guest's `multipathd`.
    ///
    /// - Parameter configuration: the whole of `multipath.conf`.
    public func multipath(_ configuration: String = LabMultipath.configuration) async throws -> LabMultipath {
        try await LabMultipath(self, configuration: configuration)
    }
}
