import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// What a deletion doesn't delete, on a real cluster: librbd removes images by their names.
@Suite(.timeLimit(.minutes(5))) struct RBDDeletionServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("an image that was made anew directly before the removal, after its snapshots went, stays (L12)")
    func comparesLast() async throws {
        let (cluster, spec) = (fixture.cluster, fixture.spec("v"))
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            let connection = try await pool.connections.connection(to: pool.source, in: fixture.context())
            let found = await code {
                try await withThread {
                    try cluster.rbd("rm", spec)
                    try cluster.rbd("create", "--size=8M", spec)
                    _ = try connection.remove(volume, LongCall("the test"))
                }
            }
            #expect(found == .invalidState)
            let new = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            #expect(new.image != volume.image && new.definition.capacity == ByteCount(8 << 20))
            #expect(try await withThread { try connection.remove(new, LongCall("the test")) })
            #expect(try await withThread { try !connection.remove(new, LongCall("the test")) }, "it is gone")
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test(
        "of two images without headers only the one that was listed is deleted by its name (L12)"
    )
    func comparesHalfImages() async throws {
        let (cluster, namespace, spec) = (fixture.cluster, fixture.namespace, fixture.spec("v"))
        @Sendable func cut(_ volume: Volume) async throws {
            let header = "rbd_header.\(try #require(volume.image?.id))"
            _ = try await withThread { try cluster.rados("-p", "rbd", "-N", namespace, "rm", header) }
        }
        try await fixture.withPool { pool in
            let context = fixture.context()
            let old = try await fixture.create("v", 4 << 20, in: pool)
            try await cut(old)
            _ = try await withThread { try cluster.rbd("rm", spec) }
            let new = try await fixture.create("v", 4 << 20, in: pool)
            try await cut(new)
            let found = await code { _ = try await pool.deleteVolume(old, deletingSnapshots: false, in: context) }
            #expect(found == .invalidState)
            #expect(try await pool.refresh(in: context).volumes.map(\.image) == [new.image])
            #expect(try await pool.deleteVolume(new, deletingSnapshots: false, in: context).isChanged)
            #expect(try await pool.refresh(in: context).volumes.isEmpty)
        }
    }
}
