import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendMultipath

@Suite("Bytes of maps of the kernel", .serialized, .timeLimit(.minutes(10)))
struct MultipathDataLabTests {
    private static let size = 9 << 20

    private struct Host {
        let pool: MultipathPool
        let disk: LabDisk
        let multipath: LabMultipath
        let folder: TemporaryFolder

        /// A LUN that is reached through two portals, as a map.
        init(_ lab: Lab) async throws {
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            disk = try await target.addLUN(
                3, size: UInt64(MultipathDataLabTests.size), attributes: ["emulate_tpu": "1"])
            multipath = try await lab.multipath()
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            try await multipath.map(disk.wwid, paths: 2)
            folder = lab.folder
            let backend = MultipathBackend(host: HostRoot("/"), mapper: DeviceMapper.shared)
            pool = try await backend.activate(PoolDefinition(type: .multipath, name: "p"), in: MapFixture.context).value
        }

        func volume() async throws -> Volume {
            try #require(try await pool.refresh(in: MapFixture.context).volumes.first)
        }

        func upload(_ bytes: [UInt8], to volume: Volume) async throws -> TransferSummary {
            try LocalEnds.write(bytes, to: folder.appending("source"))
            let end = try LocalEnds.reading(folder.appending("source"))
            defer { try? end.descriptor.close() }  // it was only read
            return try await pool.upload(end, to: volume, TransferRequest(), in: MapFixture.context)
        }

        func download(_ volume: Volume) async throws -> [UInt8] {
            let end = try LocalEnds.writing(folder.appending("sink"))
            defer { try? end.descriptor.close() }  // what was written is read again
            _ = try await pool.download(volume, to: end, TransferRequest(), in: MapFixture.context)
            return try LocalEnds.read(folder.appending("sink"))
        }

        func wipe(_ volume: Volume, _ algorithm: WipeAlgorithm = .zero) async throws -> StorageError? {
            do throws(StorageError) {
                _ = try await pool.wipe(volume, algorithm, in: MapFixture.context)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test("every byte to the last block is written, read and wiped; also with one path")
    func everyByte() async throws {
        try await Lab.run { lab in
            let host = try await Host(lab)
            let volume = try await host.volume()
            #expect(volume.problems.isEmpty, "\(volume.problems)")
            let bytes = LocalEnds.pattern(Self.size)
            #expect(try await host.upload(bytes, to: volume).bytes.bytes == UInt64(Self.size))
            #expect(try LocalEnds.read(host.disk.file) == bytes)
            #expect(try await host.download(volume) == bytes)
            let zeros = [UInt8](repeating: 0, count: Self.size)
            #expect(try await host.wipe(volume) == nil)
            #expect(try LocalEnds.read(host.disk.file) == zeros)

            let path = try #require(volume.unit?.paths.first?.device)
            try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "offline\n")
            try await lab.wait(for: "multipathd to fail the path") {
                try await host.volume().problems.contains { $0.message.hasPrefix("Degraded") }
            }
            _ = try await host.upload(bytes, to: volume)
            #expect(try await host.download(volume) == bytes)
            #expect(try await host.wipe(volume, .trim) == nil)
            #expect(try LocalEnds.read(host.disk.file) == zeros)
            try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "running\n")
        }
    }

    @Test("a mounted map is refused with its users, and one that queues without a path isn't opened (L35)")
    func refusals() async throws {
        try await Lab.run { lab in
            let host = try await Host(lab)
            let volume = try await host.volume()
            let folder = lab.folder.appending("mount")
            try LabFile.makeFolder(folder)
            try await lab.run("mkfs.ext2", "-q", volume.path)
            try await lab.run("mount", volume.path, folder.string)
            for algorithm in [WipeAlgorithm.zero, .trim] {
                let error = try await host.wipe(volume, algorithm)
                #expect(error?.code == .busy)
                #expect(error?.message.contains("mounted at \(folder); unmount it first") == true, "\(error as Any)")
            }
            try await lab.run("umount", folder.string)

            host.multipath.stop()
            let paths = LabMultipath.paths(of: host.disk.wwid)
            for path in paths { try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "offline\n") }
            let name = lab.folder.appending("message")
            try await lab.run("dmsetup", "message", host.disk.wwid, "0", "queue_if_no_path")
            // A read that waits for a path.
            async let reader = lab.attempt(
                "dd", ["if=\(volume.path)", "of=\(name)", "bs=4096", "count=1", "iflag=direct"])
            try await lab.wait(for: "the map to have no path") {
                try await host.volume().problems.contains { $0.message.contains("whoever opens it hangs") }
            }
            #expect(try await host.wipe(volume)?.code == .unavailable)
            #expect(try await !host.pool.deactivate(in: MapFixture.context).isChanged)
            for path in paths { try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "running\n") }
            try await host.multipath.start()
            #expect(try await reader.status == 0)
            try await lab.wait(for: "the map to be well") { try await host.volume().problems.isEmpty }
            #expect(try await host.wipe(volume) == nil)
        }
    }

    @Test("two LUNs with one WWID in one map are named, and neither is read nor written (L04)")
    func joined() async throws {
        try await Lab.run { lab in
            let target = try await lab.target()
            // LIO makes the WWID of the first 25 digits.
            let serials = ["0", "1"].map { String(repeating: "7", count: 31) + $0 }
            let first = try await target.addLUN(0, size: 8 << 20, serial: serials[0])
            try await target.addLUN(1, size: 8 << 20, serial: serials[1])
            let multipath = try await lab.multipath()
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            try await multipath.map(first.wwid, paths: 2)
            let backend = MultipathBackend(host: HostRoot("/"), mapper: DeviceMapper.shared)
            let pool = try await backend.activate(PoolDefinition(type: .multipath, name: "p"), in: MapFixture.context)
                .value
            let volume = try #require(try await pool.refresh(in: MapFixture.context).volumes.first)
            #expect(volume.problems.map(\.code) == [.invalidState])
            #expect(volume.problems.first?.message.contains("are LUNs 0 and 1 of one port") == true, "\(volume)")
            let error = await #expect(throws: StorageError.self) {
                _ = try await pool.wipe(volume, .zero, in: MapFixture.context)
            }
            #expect(error?.code == .invalidState, "\(error as Any)")
        }
    }
}
