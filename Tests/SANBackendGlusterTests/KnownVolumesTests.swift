import CGlusterFS
import SANModel
import Testing

@testable import SANBackendGluster

/// Which files of a listing needn't be read again.
@Suite struct KnownVolumesTests {
    private func status(_ change: (inout san_gluster_status) -> Void = { _ in }) -> GlusterStatus {
        var status = san_gluster_status()
        status.mode = 0o100600
        status.size = 4096
        status.inode = 7
        status.change_seconds = 100
        status.change_nanoseconds = 5
        status.modification_seconds = 90
        change(&status)
        return GlusterStatus(status)
    }

    private func listed(_ change: (inout Volume) -> Void = { _ in }) -> Volume {
        let status = status()
        var definition = VolumeDefinition(name: "a", type: .network, capacity: ByteCount(1 << 30))
        definition.key = "gluster://h/v/a"
        definition.physical = ByteCount(status.size)
        definition.target.format = .qcow2
        definition.target.timestamps = status.timestamps
        definition.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("u")])
        var volume = Volume(definition, file: status.identity)
        change(&volume)
        return volume
    }

    /// The file's times are 90 and 100.000000005.
    private func found(
        _ volume: Volume, _ status: GlusterStatus, listedAt: Timestamp? = Timestamp(seconds: 200), now: Int64 = 300
    ) -> Volume? {
        KnownVolumes([volume], listedAt: listedAt, now: Timestamp(seconds: now))
            .volume(named: "a", uri: "gluster://h/v/a", status)
    }

    @Test func `A file that is as it was is known, with what the listing says of it now`() throws {
        let now = status {
            $0.mode = 0o100640
            $0.allocation = 8192
            $0.access_seconds = 1000
        }
        let volume = try #require(found(listed(), now))
        #expect(volume.definition.target.format == .qcow2 && volume.definition.capacity == ByteCount(1 << 30))
        #expect(volume.definition.allocation == 8192)
        #expect(volume.definition.target.permissions?.mode == 0o640)
        #expect(volume.definition.target.timestamps == now.timestamps)
        #expect(volume.definition.target.encryption == EncryptionDefinition(format: .luks))
        #expect(volume.file == now.identity)
    }

    @Test func `A file that has changed isn't`() {
        #expect(found(listed(), status { $0.change_nanoseconds = 6 }) == nil)
        #expect(found(listed(), status { $0.modification_seconds = 91 }) == nil)
        #expect(found(listed(), status { $0.size = 8192 }) == nil)
        #expect(found(listed(), status { $0.inode = 8 }) == nil)
        #expect(found(listed(), status { $0.mode = 0o120777 }) == nil)
    }

    /// Gluster keeps the later one of two times, so a writer whose clock is behind changes none.
    @Test func `A file whose times may hide a later change isn't known`() {
        let limit = Timestamp(seconds: 102, nanoseconds: 5)
        #expect(found(listed(), status(), listedAt: limit) == nil)
        #expect(found(listed(), status(), listedAt: Timestamp(seconds: 102, nanoseconds: 6)) != nil)
        #expect(found(listed(), status(), listedAt: nil) == nil)
        // By a clock that was set back.
        #expect(found(listed(), status(), now: 100) == nil)
        #expect(found(listed(), status(), now: 101) != nil)
        #expect(found(listed(), status(), listedAt: Timestamp(seconds: .min)) == nil)
        let ahead = status { $0.modification_seconds = 400 }
        let volume = listed { $0.definition.target.timestamps = ahead.timestamps }
        #expect(found(volume, ahead) == nil)
        #expect(found(volume, ahead, listedAt: Timestamp(seconds: 403), now: 403) != nil)
    }

    @Test func `A list that says less says nothing`() {
        #expect(found(listed { $0.file = nil }, status()) == nil)
        #expect(found(listed { $0.definition.name = "b" }, status()) == nil)
        #expect(found(listed { $0.definition.key = "gluster://other/v/a" }, status()) == nil)
        #expect(found(listed { $0.definition.target.timestamps = nil }, status()) == nil)
        #expect(found(listed { $0.problems = [Problem(code: .backendFailure, message: "it")] }, status()) == nil)
    }
}
