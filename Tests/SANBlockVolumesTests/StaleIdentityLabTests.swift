import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBlockVolumes

/// Units of a real kernel: asked with SG_IO, remapped behind its back, reached through a map.
@Suite(.timeLimit(.minutes(8)))
struct StaleIdentityLabTests {
    private let host = HostRoot("/")

    private func units(behind iqn: String) throws -> [SCSIUnit] {
        try SCSIUnit.all(on: host).filter { try $0.portIdentity() == "\(iqn),1" && $0.block != nil }
    }

    /// L01, L08: the number 0 is given to another disk while the host keeps the old one's device.
    @Test func aLUNThatWasRemappedIsNamedAndNotWritten() async throws {
        try await Lab.run { lab in
            let target = try await lab.target()
            let other = try await lab.disk(size: 32 << 20)
            try await target.addLUN(0, size: 32 << 20)
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            let volumes = try BlockVolumes(host: host, targetPath: nil)
            let listed = try await volumes.checkedVolumes(
                of: try units(behind: target.iqn), until: .after(.seconds(100)))
            #expect(listed.map(\.problems) == [[]])
            let volume = try #require(listed.first)
            let fixture = try TransferFixture()
            try LocalEnds.write(LocalEnds.pattern(2 << 20), to: fixture.folder.appending("source"))
            let source = try LocalEnds.reading(fixture.folder.appending("source"))
            let summary = try await volumes.upload(source, to: volume, TransferRequest(), in: fixture.context())
            #expect(summary.bytes.bytes == 2 << 20)
            let sink = try LocalEnds.writing(fixture.folder.appending("sink"))
            _ = try await volumes.download(
                volume, to: sink, TransferRequest(length: ByteCount(2 << 20)), in: fixture.context())
            #expect(try LocalEnds.read(fixture.folder.appending("sink")) == LocalEnds.pattern(2 << 20))

            try target.removeLUN(0)
            try target.addLUN(0, other)
            let stale = try await volumes.checkedVolumes(
                of: try units(behind: target.iqn), until: .after(.seconds(100)))
            #expect(stale.count == 1)
            #expect(stale.first?.problems.map(\.code).contains(.invalidState) == true, "\(stale)")
            let error = await #expect(throws: StorageError.self) {
                _ = try await volumes.wipe(volume, .zero, in: fixture.context())
            }
            #expect(error?.code == .invalidState, "\(String(describing: error))")
            #expect(error?.message.contains("another unit than the kernel's data of it say") == true)
        }
    }

    /// L36: two paths with one WWID are one unit, which is written through its map.
    @Test func aLUNUnderAMapIsWrittenThroughIt() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            let disk = try await target.addLUN(0, size: 32 << 20)
            let multipath = try await lab.multipath()
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            try await multipath.map(disk.wwid, paths: 2)
            let volumes = try BlockVolumes(host: host, targetPath: nil)
            let listed = try await volumes.checkedVolumes(
                of: try units(behind: target.iqn), until: .after(.seconds(100)))
            #expect(listed.count == 2)
            #expect(listed.map(\.problems) == [[], []])
            let fixture = try TransferFixture()
            for volume in listed {
                let summary = try await volumes.wipe(volume, .zero, in: fixture.context())
                #expect(summary.bytes.bytes == 32 << 20)
            }
            // Somebody who writes to a path past the map is seen.
            let first = try #require(try units(behind: target.iqn).first?.block)
            let path = try OpenBlockDevice(first, .ask)
            #expect(try DeviceUsers.of(first).contains { $0.device.hasPrefix("dm-") })
            withExtendedLifetime(path) {}
        }
    }

    /// What SG_IO answers is what the kernel read when it found the unit.
    @Test func scsiDebugAnswers() async throws {
        try await Lab.run { lab in
            let debug = try await lab.scsiDebug(["max_luns": 3, "dev_size_mb": 8, "sector_size": 4096])
            let number = try #require(debug.hosts.first.flatMap { UInt32($0.dropFirst(4)) })
            let units = try SCSIUnit.all(ofHost: number, on: host)
            #expect(units.count == 3)
            let answers = await UnitInterview().ask(units, patience: .seconds(60), until: .after(.seconds(200)))
            for unit in units {
                let live = try #require(try answers[unit.hctl]?.get())
                #expect(live.mismatches(with: unit).isEmpty)
                #expect(live.grown(unit) == nil)
                #expect(live.wwid == unit.wwid)
                #expect(live.size?.blockSize == 4096)
                #expect(live.size?.capacity.bytes == 8 << 20)
            }
        }
    }
}
