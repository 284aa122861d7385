import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport

@testable import SANBackendMultipath

/// A host with two disks that are two paths of one LUN, and the map on them.
struct MapFixture {
    static let wwid = "36001405a000000000000000000000001"
    static let table = "1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:64 1 1 8:80 1 1 "
    static let status = "2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 A 0 0 1 "
    static let size: UInt64 = 64 << 20

    let tree: HostTree
    let mapper: ScriptedDeviceMapper

    init(
        status: String = MapFixture.status, _ change: (inout MappedDevice) -> Void = { _ in },
        others: [MappedDevice] = [], problems: [StorageError] = []
    ) throws {
        tree = try HostTree()
        for (index, disk) in [("sde", "8:64"), ("sdf", "8:80")].enumerated() {
            try tree.addDisk(
                disk.0, disk.1, at: "\(8 + index):0:0:3", bytes: MapFixture.size, vendor: "LIO-ORG",
                product: "FILEIO",
                naa: SCSIAnswer.naa(1), serial: "aaaaaaaa",
                below: "/sys/devices/platform")
        }
        try tree.addMap(
            "dm-2", "254:2", called: "mpatha", uuid: "mpath-\(MapFixture.wwid)", on: ["sde", "sdf"],
            bytes: MapFixture.size)
        try tree.write(
            "/run/udev/data/b254:2",
            "S:mapper/mpatha\nS:disk/by-id/dm-uuid-mpath-\(MapFixture.wwid)\nI:1\nE:MPATH_DEVICE_READY=1")
        var map = MappedDevice(
            multipath: "mpatha", wwid: MapFixture.wwid, minor: 2, table: MapFixture.table, status: status)
        change(&map)
        mapper = ScriptedDeviceMapper([map] + others, problems: problems)
    }

    /// What a process of multipathd answers for the two paths.
    func daemon(_ checkers: String = "ready", _ second: String = "ready") throws -> ScriptedMultipathDaemon {
        try ScriptedMultipathDaemon(in: tree) { _ in
            ScriptedMultipathDaemon.frame("8:64|\(checkers)|running|50\n8:80|\(second)|running|50\n")
        }
    }

    func refresh(_ interview: any UnitInterviewing = UnitInterview()) async throws -> PoolSnapshot {
        let backend = MultipathBackend(host: tree.host, mapper: mapper, interview: interview)
        try tree.write("/dev/mapper/control", "")
        try tree.makeFolder("/sys/module/dm_multipath")
        return try await Self.snapshot(of: backend)
    }

    /// The only volume, where there is one.
    func volume() async throws -> Volume? { try await refresh().volumes.first }

    static func snapshot(of backend: MultipathBackend) async throws -> PoolSnapshot {
        let definition = PoolDefinition(type: .multipath, name: "p")
        let pool = try await backend.activate(definition, in: context).value
        return try await pool.refresh(in: context)
    }

    static var context: OperationContext {
        OperationContext(
            deadline: .after(.seconds(120)), patience: .seconds(60), secrets: NoSecrets(),
            coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }
}

/// No map needs a secret.
struct NoSecrets: SecretResolving {
    func isDefined(
        _ reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> Bool { false }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        throw StorageError(.notFound, "No secrets")
    }
}
