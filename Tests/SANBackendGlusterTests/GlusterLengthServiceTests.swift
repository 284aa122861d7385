import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendGluster

/// Lengths of files that several clients change.
@Suite(.timeLimit(.minutes(5))) struct GlusterLengthServiceTests {
    private let fixture: GlusterFixture

    init() async throws {
        fixture = try await GlusterFixture()
    }

    /// Opens it as two clients, and has them do something.
    private func asTwoClients(
        _ name: String, _ body: @escaping @Sendable (GlusterFile, GlusterFile) throws(StorageError) -> Void
    ) async throws {
        let here = try #require(try await fixture.opened([name]).first)
        let there = try #require(try await fixture.opened([name]).first)
        try await withUninterruptedThread(named: "test") { () throws(StorageError) in try body(here, there) }
    }

    /// For a second the client's own answer is the one that it had before (performance.md-cache, seen with glusterfs 10.3).
    @Test func `A length that another client has just changed is seen before anything is cut`() async throws {
        try await fixture.make("a", 4096)
        try await asTwoClients("a") { here, there throws(StorageError) in
            for step in 2...20 {
                let (old, new) = (UInt64(step - 1) * 4096, UInt64(step) * 4096)
                #expect(try here.status().size == old)
                try there.truncate(to: new)
                #expect(try here.lengthNow() == new)
            }
            // As after a growth to 4096 bytes, which another one's has followed.
            let refused = #expect(throws: StorageError.self) { try here.cutBack(from: 4096, to: 512, Effect()) }
            #expect(refused?.code == .invalidState)
            let kept = #expect(throws: StorageError.self) { try here.refill(to: 4096, Effect()) }
            #expect(kept?.code == .invalidState)
            try there.truncate(to: 0)
            try here.refill(to: 8192, Effect())
            #expect(try there.lengthNow() == 8192)
        }
    }

    @Test func `A growth cuts nothing that another client has made longer, and takes no space`() async throws {
        try await fixture.make("a", 4096)
        try await asTwoClients("a") { here, there throws(StorageError) in
            try there.truncate(to: 1 << 20)
            try here.extend(to: 8192)
            #expect(try here.lengthNow() == 1 << 20)
        }
        let volume = try await fixture.make("b", 4096)
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: ByteCount(1 << 30)), in: GlusterFixture.context()
        ).value
        #expect(grown.definition.capacity == ByteCount(1 << 30))
        // A block for its last byte, and one for what Gluster knows of the file.
        #expect(grown.definition.allocation ?? ByteCount(.max) <= 16_384)
        #expect(try LocalEnds.size(fixture.onBrick("b")) == 1 << 30)
    }

    @Test func `A growth has its space before others see its length, and gives it back where it fails`() async throws {
        let volume = try await fixture.make("a", 4096, allocation: 0)
        let (pool, brick) = (fixture.pool, fixture.onBrick("a"))
        let file = try #require(try await fixture.opened(["a"]).first)
        #expect(
            try await pool.reserve(4096..<(8 << 20), of: file, keepingLength: true, GlusterFixture.context()))
        #expect(try LocalEnds.size(brick) == 4096 && LocalEnds.allocation(brick) >= 8 << 20)
        let failure = StorageError(.hostFailure, "No space left")
        let error = await pool.cutBack(file, "a", from: 4096, to: 4096, after: failure, GlusterFixture.context())
        #expect(error == failure)
        #expect(try LocalEnds.size(brick) == 4096 && LocalEnds.allocation(brick) < 1 << 20)
        let grown = try await pool.resizeVolume(
            volume, to: ResizeRequest(capacity: ByteCount(8 << 20), allocates: true), in: GlusterFixture.context()
        ).value
        #expect(grown.definition.capacity == ByteCount(8 << 20))
        #expect(try LocalEnds.allocation(brick) >= 8 << 20)
    }

    @Test func `A file whose length isn't the old one any more keeps it`() async throws {
        try await fixture.make("a", 4096)
        let file = try #require(try await fixture.opened(["a"]).first)
        for wanted in [512, 8192] as [UInt64] {
            let error = await #expect(throws: StorageError.self) {
                try await fixture.pool.setLength(of: file, "a", from: 1024, to: wanted, GlusterFixture.context())
            }
            #expect(error?.code == .invalidState && error?.message.contains("4096 bytes by now") == true)
            #expect(try LocalEnds.size(fixture.onBrick("a")) == 4096)
        }
    }
}
