import SANHost
import SANModel
import SANTestSupport
import Synchronization
import Testing

@testable import SANBackendGluster

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Calls that don't come back in time, and what is to follow them.
@Suite(.timeLimit(.minutes(1))) struct OutstandingCallsTests {
    /// What a test sees, in order.
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])
        private let event = Event()

        func add(_ line: String) {
            lines.withLock { $0.append(line) }
            event.signal()
        }

        /// Waits for so many lines.
        func lines(_ count: Int) async -> [String] {
            _ = try? await withUninterruptedThread(named: "test") { for _ in 0..<count { self.event.wait() } }  // never
            return lines.withLock { $0 }
        }
    }

    private let log = Log()
    /// Lets the call go on that is out.
    private let gate = Event()
    private let calls = OutstandingCalls(of: "gluster://h/v", grace: .milliseconds(20))

    /// A call that is out until the gate is opened, given up on.
    private func lose(_ effect: Effect, cancelling: Bool = true) async throws -> StorageError {
        let (log, gate, calls) = (log, gate, calls)
        let began = Event()
        let task = Task {
            try await calls.call(
                "it", until: cancelling ? .never : .after(.milliseconds(20)), effect,
                undoing: { (_: Int) in log.add("undone") }
            ) { () throws(StorageError) in
                try effect.begin()
                began.signal()
                gate.wait()
                log.add("back")
                return 1
            }
        }
        try await withUninterruptedThread(named: "test") { began.wait() }
        if cancelling { task.cancel() }
        let result = await task.result
        return try #require(throws: StorageError.self) { try result.get() }
    }

    @Test(arguments: [true, false])
    func `A lost call is undone when it comes back, and then what may come late begins`(cancelling: Bool) async throws {
        let error = try await lose(Effect(possible: "What is left"), cancelling: cancelling)
        #expect(error.code == (cancelling ? .cancelled : .timedOut))
        #expect(error.causes.map(\.message) == ["What is left"])
        let (log, calls) = (log, calls)
        let refused = await #expect(throws: StorageError.self) { try await calls.call("more", until: .never) {} }
        #expect(refused?.code == .busy && refused?.message.contains("still waits for it") == true)
        // Nobody waits for it any more when it is done.
        let late = await #expect(throws: StorageError.self) {
            try await calls.takeBack("the rest", until: .never) { log.add("taken back") }
        }
        #expect(late?.code == .timedOut)
        // Another host may use by then what it would cut.
        let cut = Effect()
        let never = await #expect(throws: StorageError.self) {
            try await calls.takeBack("the length", until: .never, cut) { log.add("cut") }
        }
        #expect(never?.code == .timedOut && cut.isAbandoned && !cut.hasBegun)
        gate.signal()
        #expect(await log.lines(3) == ["back", "undone", "taken back"])
        #expect(try await calls.call("more", until: .never) { 2 } == 2)
    }

    /// A call that is cancelled, and comes back while its caller still waits to hear of it.
    private func comeBack(
        _ effect: Effect, undoing: @escaping @Sendable (Int) -> Void = { _ in },
        _ end: @escaping @Sendable () throws(StorageError) -> Int
    ) async throws -> StorageError {
        let calls = OutstandingCalls(of: "gluster://h/v", grace: .seconds(60))
        let (began, gate) = (Event(), Event())
        let task = Task {
            try await calls.call("it", until: .never, effect, undoing: undoing) { () throws(StorageError) in
                began.signal()
                gate.wait()
                return try end()
            }
        }
        try await withUninterruptedThread(named: "test") { began.wait() }
        task.cancel()
        gate.signal()
        let result = await task.result
        return try #require(throws: StorageError.self) { try result.get() }
    }

    @Test func `A lost call that comes back soon leaves nothing to be told where it is undone`() async throws {
        let undone = Event()
        let effect = Effect(possible: "What is left")
        try effect.begin()
        let error = try await comeBack(effect, undoing: { _ in undone.signal() }) { 1 }
        #expect(error.code == .cancelled && error.causes.isEmpty)
        try await withUninterruptedThread(named: "test") { undone.wait() }
    }

    @Test func `A lost call that ends well all the same is told, and how one fails`() async throws {
        func effect() throws -> Effect {
            let effect = Effect(possible: "It may be deleted", certain: "It was deleted")
            try effect.begin()
            return effect
        }
        let done = try await comeBack(try effect()) { 1 }
        #expect(done.code == .cancelled && done.causes.map(\.message) == ["It was deleted"])
        let failed = try await comeBack(try effect()) { () throws(StorageError) in
            throw StorageError(.unavailable, "A brick is down")
        }
        #expect(failed.code == .cancelled && failed.causes.map(\.message) == ["A brick is down"])
    }

    @Test func `What comes right after a cancelled call waits for that to come back, and isn't refused`() async throws {
        let calls = OutstandingCalls(of: "gluster://h/v", grace: .seconds(60))
        let (began, gate) = (Event(), Event())
        let task = Task {
            try await calls.call("it", until: .never) {
                began.signal()
                gate.wait()
            }
        }
        try await withUninterruptedThread(named: "test") { began.wait() }
        task.cancel()
        await #expect(throws: StorageError.self) { try await task.value }
        let next = Task { try await calls.call("more", until: .never) { 2 } }
        let hurried = await #expect(throws: StorageError.self) {
            try await calls.call("more", until: .after(.milliseconds(20))) {}
        }
        #expect(hurried?.code == .busy)
        gate.signal()
        #expect(try await next.value == 2)
    }

    /// Looking takes its time too: what follows is cut under whoever came to use it meanwhile.
    @Test func `A step that a lost call has yet to make isn't made, and nothing is told of it`() async throws {
        let (effect, log) = (Effect(possible: "It may be cut", certain: "It was cut"), log)
        let error = try await comeBack(effect) { () throws(StorageError) in
            // The caller's handler and this thread were begun at once.
            while !effect.isAbandoned { sched_yield() }
            defer { log.add(effect.hasBegun ? "cut" : "left") }
            try effect.begin()
            return 1
        }
        #expect(error.code == .cancelled && error.causes.isEmpty)
        #expect(await log.lines(1) == ["left"])
    }

    @Test func `What takes something back isn't cancelled with its caller, and its failure is told`() async throws {
        let (log, calls) = (log, calls)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await calls.takeBack("it", until: .never) { () throws(StorageError) in
                log.add("taken back")
                throw StorageError(.unavailable, "A brick is down")
            }
        }
        let result = await task.result
        let error = #expect(throws: StorageError.self) { try result.get() }
        #expect(error?.code == .unavailable)
        #expect(await log.lines(1) == ["taken back"])
    }

    @Test func `A call whose caller was cancelled before isn't made, and nothing waits for it`() async throws {
        let (log, calls) = (log, calls)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await calls.call("it", until: .never, Effect(possible: "Nothing")) { log.add("made") }
        }
        let result = await task.result
        let error = #expect(throws: StorageError.self) { try result.get() }
        #expect(error?.code == .cancelled && error?.causes.isEmpty == true)
        try await calls.call("more", until: .never) { log.add("more") }
        #expect(await log.lines(1) == ["more"])
    }

    @Test func `A lost call that fails late holds up nothing`() async throws {
        let (gate, calls, began) = (gate, calls, Event())
        let task = Task {
            try await calls.call("it", until: .never, undoing: { (_: Int) in Issue.record("It made nothing") }) {
                () throws(StorageError) -> Int in
                began.signal()
                gate.wait()
                throw StorageError(.unavailable, "A brick is down")
            }
        }
        try await withUninterruptedThread(named: "test") { began.wait() }
        task.cancel()
        _ = await task.result
        gate.signal()
        let patient = OutstandingCalls(of: "gluster://h/v", grace: .seconds(60))
        try await patient.takeBack("it", until: .never) {}
        // The other one's grace may be over first; it is asked again.
        var isBack = false
        while !isBack { isBack = (try? await calls.takeBack("it", until: .never) {}) != nil }  // asked again
        #expect(try await calls.call("more", until: .never) { 2 } == 2)
    }
}
