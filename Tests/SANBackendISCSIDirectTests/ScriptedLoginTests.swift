import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSIDirect

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Logging in to and discovering targets that behave as they are told.
@Suite(.timeLimit(.minutes(5))) struct ScriptedLoginTests {
    private func target(_ change: (inout ScriptedTarget.Script) -> Void = { _ in }) throws -> ScriptedTarget {
        var script = ScriptedTarget.Script(luns: [1: ScriptedLUN(capacity: 1 << 20)])
        change(&script)
        return try ScriptedTarget(script: script)
    }

    private func failure(
        _ target: ScriptedTarget, deadline: Duration = .seconds(120)
    ) async throws -> StorageError {
        let pool = try await ScriptedScanTests.pool(of: target)
        let error = await #expect(throws: StorageError.self) {
            try await pool.refresh(in: PoolFixture.context(deadline: deadline))
        }
        return try #require(error)
    }

    @Test(
        arguments: [
            (.authenticationFailure, .authenticationFailed), (.authorizationFailure, .permissionDenied),
            (.notFound, .notFound), (.targetRemoved, .notFound), (.serviceUnavailable, .unavailable),
            (.outOfResources, .unavailable), (.targetError, .backendFailure), (.initiatorError, .backendFailure),
        ] as [(ScriptedTarget.LoginStatus, StorageError.Code)])
    func tellsRefusalsApart(_ status: ScriptedTarget.LoginStatus, _ code: StorageError.Code) async throws {
        let error = try await failure(try target { $0.login = .reject(status) })
        #expect(error.code == code)
        #expect(error.subject.values[.target] == "iqn.2024-01.com.example:scripted")
    }

    @Test func givesUpOnAPortalThatIgnoresLogins() async throws {
        let target = try target { $0.login = .ignore }
        let error = try await failure(target, deadline: .seconds(15))
        #expect(error.code == .timedOut && error.message.contains(target.portal) && error.message.contains("login"))
        target.update { $0.login = .accept }
        let pool = try await ScriptedScanTests.pool(of: target)
        #expect(try await pool.refresh(in: PoolFixture.context()).volumes.count == 1)
    }

    @Test func survivesNoiseInPlaceOfALogin() async throws {
        let noise = (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        let error = try await failure(try target { $0.login = .bytes(noise) }, deadline: .seconds(10))
        #expect([.unavailable, .timedOut, .backendFailure].contains(error.code))
    }

    @Test func followsATargetThatHasMoved() async throws {
        let there = try target()
        let here = try target { $0.login = .redirect(to: there.portal + ",1") }
        let pool = try await ScriptedScanTests.pool(of: here)
        let snapshot = try await pool.refresh(in: PoolFixture.context())
        #expect(snapshot.volumes.count == 1 && there.status.logins == 1 && here.status.logins == 0)
        // The pool's own portal stays in the names.
        #expect(snapshot.volumes.first?.path.contains(here.portal) == true)
    }

    @Test func doesNotFollowATargetInCircles() async throws {
        let circle = try target()
        circle.update { $0.login = .redirect(to: circle.portal) }
        let error = try await failure(circle)
        #expect(error.code == .backendFailure)
        let nonsense = try await failure(try target { $0.login = .redirect(to: "\u{1B}[2J:x:y") })
        #expect(nonsense.code == .invalidArgument && !nonsense.message.contains("\u{1B}"))
    }

    @Test func logsOutWhateverHappens() async throws {
        let target = try target { $0.luns[1]?.faults = [.notReady()] }
        let pool = try await ScriptedScanTests.pool(of: target)
        _ = try await pool.refresh(in: PoolFixture.context())
        let status = try await target.waitUntil("the logout") { $0.logouts == 1 && $0.connectionsOpen == 0 }
        #expect(status.connections.first?.initiatorName == PoolFixture.initiator && status.complaints.isEmpty)
    }

    /// libiscsi sends data with `writev`, which raises SIGPIPE on a connection that the target has closed.
    @Test func keepsBrokenConnectionsFromEndingTheProcess() async throws {
        let target = try target()
        let endpoint = ISCSIEndpoint(
            portal: Portal(host: "127.0.0.1", port: target.port), target: target.name, initiator: PoolFixture.initiator)
        let isBlocked = try await ISCSISession.with(endpoint, until: .after(.seconds(60))) { _ throws(StorageError) in
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            return sigismember(&mask, SIGPIPE) == 1
        }
        #expect(isBlocked)
    }

    @Test func endsWhenCancelled() async throws {
        let target = try target { $0.isHanging = true }
        let pool = try await ScriptedScanTests.pool(of: target)
        let task = Task { try await pool.refresh(in: PoolFixture.context()) }
        try await target.waitUntil("the connection") { $0.connectionsAccepted == 1 }
        task.cancel()
        let error = await #expect(throws: StorageError.self) { try await task.value }
        #expect(error?.code == .cancelled)
    }

    @Test func noticesAConnectionThatIsLostInTheMiddle() async throws {
        for ending in [ScriptedTarget.Ending.close, .reset] {
            let target = try target { $0.connectionFaults = [.init(.command([.serviceActionIn16]), ending)] }
            let error = try await failure(target)
            #expect(error.code == .unavailable && error.message.contains(target.portal))
        }
    }

    // MARK: Discovery

    private func discover(_ target: ScriptedTarget) async throws -> [PoolSource] {
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "127.0.0.1", port: target.port)]
        query.initiator = PoolFixture.initiator
        return try await PoolFixture.backend.discoverSources(query, in: PoolFixture.context())
    }

    /// L64, and names that a hostile server makes up.
    @Test func discoversWhatCanBeUsed() async throws {
        let target = try target()
        target.update { script in
            script.discovery.entries = [
                .init("iqn.2024-01.com.example:elsewhere", portals: ["192.0.2.1:3261,-1", "[2001:db8::1]:3260,2"]),
                .init("iqn.2024-01.com.example:here", portals: ["192.0.2.1:3260,1", "\(target.portal),1"]),
                .init("iqn.2024-01.com.example:nowhere", portals: []),
                .init(name: Array("iqn.x:\u{1B}[31m\nforged".utf8), portals: [Array("192.0.2.2:3260,1".utf8)]),
            ]
        }
        let sources = try await discover(target)
        #expect(sources.map { $0.devices[0].path.split(separator: ":").last } == ["elsewhere", "here", "nowhere"])
        #expect(sources[0].hosts == [PoolSource.Host(name: "192.0.2.1", port: 3_261)])
        #expect(sources[1].hosts == [PoolSource.Host(name: "127.0.0.1", port: target.port)])
        #expect(sources[2].hosts == sources[1].hosts)
        #expect(target.status.discoveryLogins == 1)
    }

    @Test func refusesGarbledLists() async throws {
        for text in ["TargetAddress=192.0.2.1:3260,1\0", "TargetName=iqn.x", "Nonsense=1\0"] {
            let target = try target { $0.discovery.rawText = Array(text.utf8) }
            let error = await #expect(throws: StorageError.self) { try await discover(target) }
            #expect([.backendFailure, .unavailable].contains(error?.code))
        }
    }

    @Test func findsNothingWhereThereIsNothing() async throws {
        let target = try target { $0.discovery.entries = [] }
        #expect(try await discover(target).isEmpty)
    }
}
