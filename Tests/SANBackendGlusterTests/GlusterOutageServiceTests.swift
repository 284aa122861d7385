import SANEngine
import SANHost
import SANImages
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendGluster

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Bricks and servers that die or hang, on a server of their own.
@Suite(.timeLimit(.minutes(5))) struct GlusterOutageServiceTests {
    private func pool(on server: GlusterDaemon) async throws -> GlusterPool {
        try server.addVolume("v")
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        _ = try await pool.createVolume(
            VolumeRequest(GlusterFixture.definition("a", 4096)), in: GlusterFixture.context())
        return pool
    }

    /// Refreshes until it works: a brick that is back is found by the library in its own time.
    private func recovered(_ pool: GlusterPool) async throws -> PoolSnapshot {
        let deadline = Deadline.after(.seconds(60))
        var last: PoolSnapshot?
        while last == nil, !deadline.hasPassed {
            last = try? await pool.refresh(in: GlusterFixture.context())  // asked again
        }
        return try #require(last)
    }

    @Test func `A killed brick is told, and the next refresh finds it back`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        try server.killBrick(of: "v")
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .unavailable)
        try server.restartBrick(of: "v")
        #expect(try await recovered(pool).volumes.map(\.name) == ["a"])
    }

    /// libgfapi says that it has looked at "/", and has nothing of it (glusterfs 10.3); for a second the client answers itself.
    @Test func `The root of a volume whose brick is down isn't taken for something else than a folder`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let volume = try await pool.connections.connection(to: pool.source, until: .after(.seconds(60))).volume
        try server.killBrick(of: "v")
        let deadline = Deadline.after(.seconds(60))
        var error: StorageError?
        while error == nil, !deadline.hasPassed {
            do throws(StorageError) {
                let kind = try await withUninterruptedThread(named: "test") { () throws(StorageError) in
                    try volume.status(of: "/", following: true).kind
                }
                guard kind == .folder else {
                    Issue.record("It was taken for something else")
                    return
                }
            } catch let down {
                error = down
            }
        }
        #expect(error?.code == .unavailable)
    }

    @Test func `A hung brick costs one deadline, and later calls nothing`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        try server.pauseBrick(of: "v")
        let first = await #expect(throws: StorageError.self) {
            try await pool.refresh(in: GlusterFixture.context(deadline: .milliseconds(300)))
        }
        #expect(first?.code == .timedOut)
        let second = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(second?.code == .busy)
        try server.resumeBrick(of: "v")
        #expect(try await recovered(pool).volumes.map(\.name) == ["a"])
    }

    // MARK: What is left

    /// Where a brick hangs while a volume is made or changed.
    enum Step: CaseIterable { case staging, space, name, folder, growth, emptying, deletion }

    /// Has a step hang until its deadline.
    private func hang(at step: Step, _ pool: GlusterPool, _ server: GlusterDaemon) async throws -> StorageError? {
        let short = GlusterFixture.context(deadline: .milliseconds(300), patience: .milliseconds(300))
        let definition = GlusterFixture.definition("new", 4096, allocation: 0)
        let plan = try CreationPlan(VolumeRequest(definition))
        let listed = try await pool.inspect("a", in: GlusterFixture.context())
        let source = pool.source
        let file = try await pool.call("a test", GlusterFixture.context()) { volume throws(StorageError) in
            try source.openListed(listed, writing: true, on: volume)
        }
        return await #expect(throws: StorageError.self) {
            switch step {
            case .staging, .folder:
                let format = step == .folder ? VolumeFormat.directory : .raw
                try server.pauseBrick(of: "v")
                _ = try await pool.createVolume(
                    VolumeRequest(GlusterFixture.definition("new", 4096, format: format)), in: short)
            case .space, .name:
                _ = try await pool.publish("new", plan, short) { staging throws(StorageError) in
                    do { try server.pauseBrick(of: "v") } catch { throw StorageError(.hostFailure, "\(error)") }
                    if step == .space { try await pool.allocate(new: 0..<4096, of: staging.file, short) }
                }
            case .growth:
                try server.pauseBrick(of: "v")
                try await pool.setLength(of: file, "a", from: 4096, to: 8192, short)
            case .emptying:
                try server.pauseBrick(of: "v")
                try await pool.empty(file, "the file", length: 4096, short)
            case .deletion:
                try server.pauseBrick(of: "v")
                _ = try await pool.deleteVolume(listed, deletingSnapshots: false, in: short)
            }
        }
    }

    /// Whoever is told so must find no more changed later: another host may use the volume by then.
    @Test(arguments: Step.allCases)
    func `What a brick holds up says what may come of it, and no more does when the brick goes on`(
        step: Step
    ) async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let folder = server.folder.appending("bricks").appending("v")
        let error = try #require(try await hang(at: step, pool, server))
        #expect(error.code == .timedOut)
        let told = error.causes.map(\.message).joined()
        var (names, length): ([String], UInt64) = ([".glusterfs", "a"], 4096)
        switch step {
        case .staging: #expect(told.contains("/v/.new.sanctl-…' may still be made; the next refresh removes it"))
        case .space, .name:
            #expect(told.contains("/v/.new.sanctl-") && told.contains("is left; the next refresh removes it"))
            // It was to get its name after its mode.
            #expect(!told.contains("may still be made"))
        // They hang where they only look.
        case .folder, .growth: #expect(told.isEmpty)
        case .emptying:
            #expect(told.contains("/v/a' may be empty now") && told.contains("gives it its 4096 bytes back"))
            length = 0
        case .deletion:
            // The look may be answered by the client.
            #expect(told.isEmpty || told.contains("/v/a' may still be deleted"))
            if !told.isEmpty { names = [".glusterfs"] }
        }
        try server.resumeBrick(of: "v")
        // No refresh removes what has no name yet: the call that was out does when it comes back, or what waited for that.
        let deadline = Deadline.after(.seconds(60))
        var isBack = false
        while !isBack, !deadline.hasPassed {
            isBack = (try? await pool.call("a test", GlusterFixture.context()) { _ in }) != nil  // asked again
        }
        var found: [String] = []
        repeat { found = try LocalFolder(folder).names().sorted() } while found != names && !deadline.hasPassed
        #expect(isBack && found == names)
        guard names.contains("a") else { return }
        var size: UInt64?
        repeat { size = try LocalEnds.size(folder.appending("a")) } while size != length && !deadline.hasPassed
        #expect(size == length)
        guard step == .emptying else { return }
        let emptied = try #require(try await recovered(pool).volumes.first)
        _ = try await pool.resizeVolume(emptied, to: ResizeRequest(capacity: 4096), in: GlusterFixture.context())
        #expect(try LocalEnds.size(folder.appending("a")) == 4096)
    }

    @Test func `A file that can't get its length back is told as empty`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let (source, listed) = (pool.source, try await pool.inspect("a", in: GlusterFixture.context()))
        let error = await #expect(throws: StorageError.self) {
            try await pool.call("a test", GlusterFixture.context()) { volume throws(StorageError) in
                let file = try source.openListed(listed, writing: true, on: volume)
                try FileEmptying.run("'a'", length: 4096) { length throws(StorageError) in
                    guard length > 0 else { return try file.truncate(to: 0) }
                    do { try server.killBrick(of: "v") } catch { throw StorageError(.hostFailure, "\(error)") }
                    try file.refill(to: length, Effect())
                }
            }
        }
        #expect(error?.code == .unavailable && error?.message.contains("is empty now") == true)
        try server.restartBrick(of: "v")
        let emptied = try #require(try await recovered(pool).volumes.first)
        let folder = server.folder.appending("bricks").appending("v")
        #expect(try LocalEnds.size(folder.appending("a")) == 0)
        _ = try await pool.resizeVolume(emptied, to: ResizeRequest(capacity: 4096), in: GlusterFixture.context())
        #expect(try LocalEnds.size(folder.appending("a")) == 4096)
    }

    @Test func `What can't be looked at after it was changed or made is told as done`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let short = GlusterFixture.context(deadline: .milliseconds(300), patience: .milliseconds(300))
        let listed = try await pool.inspect("a", in: GlusterFixture.context())
        let plan = try CreationPlan(VolumeRequest(GlusterFixture.definition("new", 4096)))
        try server.pauseBrick(of: "v")
        // For a second the client answers by itself.
        let end = Deadline.after(.seconds(60))
        var error: StorageError?
        while error == nil, !end.hasPassed {
            do throws(StorageError) {
                _ = try await pool.inspect(listed, after: "resized", in: short)
                usleep(10_000)
            } catch let failure {
                error = failure
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.causes.map(\.message) == ["'a' was resized before that: refresh the pool"])
        let made = await pool.inspect(made: plan.made(size: 4096, file: try #require(listed.file)), in: short)
        #expect(made.problems.first?.message.contains("It was made, and couldn't be looked at") == true)
        let uri = pool.source.uri(of: "new")
        #expect(made.definition.key == uri && made.definition.target.path == uri && made.definition.type == .network)
        #expect(made.definition.target.format == .raw && made.definition.physical == 4096 && made.file == listed.file)
        try server.resumeBrick(of: "v")
    }

    /// A guest's disk that is reached by a link mustn't be judged anew by what the guest wrote to it (0007).
    @Test func `A link that can't be followed stays what it was`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let folder = server.folder.appending("bricks").appending("v")
        #expect(symlink("a", folder.appending("link").string) == 0)
        let listed = try #require(try await recovered(pool).volumes.first { $0.name == "link" })
        #expect(listed.definition.target.format == .raw && listed.problems.isEmpty)
        let source = pool.source
        let connection = try await pool.connections.connection(to: source, until: .after(.seconds(60)))
        let volume = connection.volume
        let status = try await withUninterruptedThread(named: "test") { () throws(StorageError) in
            try volume.status(of: source.path(of: "link"))
        }
        #expect(status.kind == .link)
        try server.killBrick(of: "v")
        let deadline = Deadline.after(.seconds(60))
        var broken: Volume?
        while broken?.problems.isEmpty != false, !deadline.hasPassed {
            broken = try await withUninterruptedThread(named: "test") { () throws(StorageError) in
                var reader = GlusterReader(volume: volume, source: source, raw: RawFiles { [listed] })
                return reader.volume(of: .init(name: Array("link".utf8), status: status, object: nil))
            }
        }
        #expect(broken?.problems.first?.code == .unavailable)
        #expect(broken?.definition.target.format == .raw && broken?.file == listed.file)
        #expect(broken?.definition.physical == 4096)
        // Another file of the name of an image that can't be looked at mustn't be taken for it.
        var image = listed
        (image.definition.name, image.definition.target.format) = ("image", .qcow2)
        let last = image
        let unseen = try await withUninterruptedThread(named: "test") { () throws(StorageError) in
            var reader = GlusterReader(volume: volume, source: source, raw: RawFiles { [last] })
            return reader.volume(of: .init(name: Array("image".utf8), status: nil, object: nil))
        }
        #expect(unseen?.problems.isEmpty == false && unseen?.file == image.file)
    }

    @Test func `A hung server is left for the next one in time`() async throws {
        let fixture = try await GlusterFixture()
        let hung = try GlusterDaemon()
        hung.pause()
        let hosts = [hung.address, fixture.server.address].map { PoolSource.Host(name: $0) }
        let pool = try await GlusterFixture.pool(hosts, GlusterFixture.volumeName, directory: "/" + fixture.folder)
        let snapshot = try await pool.refresh(in: GlusterFixture.context(deadline: .seconds(20)))
        #expect(snapshot.volumes.isEmpty)

        let alone = try await GlusterFixture.pool(Array(hosts.prefix(1)), "v", directory: nil)
        let error = await #expect(throws: StorageError.self) {
            try await alone.refresh(in: GlusterFixture.context(deadline: .milliseconds(300)))
        }
        #expect(error?.code == .timedOut)
    }

    @Test func `A volume that was stopped is told as such`() async throws {
        let server = try GlusterDaemon()
        try server.addVolume("v")
        try server.stopVolume("v")
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("volume start v") == true)
    }
}
