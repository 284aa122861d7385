import SANHost
import SANModel
import SANTestSupport
import Synchronization
import Testing

@testable import SANEngine

@Suite("Operations that don't end", .timeLimit(.minutes(2)))
struct DeadlineGuardTests {
    @Test("a value and an error come through")
    func results() async throws {
        let value = try await withDeadline(.after(.seconds(60)), waitingFor: "it") { () async throws(StorageError) in 1
        }
        #expect(value == 1)
        #expect(
            await failureCode {
                try await withDeadline(.after(.seconds(60)), waitingFor: "it") { () async throws(StorageError) in
                    throw StorageError(.busy, "b")
                }
            } == .busy)
    }

    @Test("an operation that never returns is left at its deadline, and what it brings late is undone")
    func hang() async throws {
        let gate = Gate()
        let late = Gate()
        let error = await failure {
            try await withDeadline(.after(.milliseconds(20)), grace: .milliseconds(20), waitingFor: "the LUN") {
                () async throws(StorageError) in
                await gate.pass()
            } abandoned: { _ in
                await late.open()
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("the LUN") == true)
        await gate.open()
        await late.pass()
    }

    @Test("one that heeds its cancellation at the deadline has timed out, it wasn't cancelled")
    func obedient() async {
        let error = await failure {
            try await withDeadline(.after(.milliseconds(20)), grace: .seconds(60), waitingFor: "the LUN") {
                () async throws(StorageError) in
                while !Task.isCancelled { await Task.yield() }
                throw StorageError(.cancelled, "told to end", subject: .target("t"))
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.subject == .target("t"))
        #expect(error?.causes.map(\.message) == ["told to end"])
    }

    @Test("one whose own wait ends at the same deadline tells what it waited for")
    func innerWait() async {
        let (deadline, gate) = (Deadline.after(.milliseconds(20)), Event())
        let error = await failure {
            try await withDeadline(deadline, waitingFor: "the start") { () async throws(StorageError) in
                try await withBlockingThread(named: "san-test", until: deadline, waitingFor: "a monitor") {
                    () throws(StorageError) in gate.wait()
                }
            }
        }
        gate.signal()
        #expect(error?.code == .timedOut)
        // On a machine that is busy the two waits may end in either order.
        let told = error.map { [$0.message] + $0.causes.map(\.message) } ?? []
        #expect(told.contains { $0.hasSuffix("waiting for a monitor") || $0 == "Waited in vain for a monitor" })
    }

    @Test("a cancelled caller gets 'cancelled', with the operation's own error below it")
    func cancelled() async {
        let begun = Gate()
        let task = Task {
            await failure {
                try await withDeadline(.after(.seconds(60)), waitingFor: "the LUN") { () async throws(StorageError) in
                    await begun.open()
                    while !Task.isCancelled { await Task.yield() }
                    throw StorageError(.backendFailure, "broken off")
                }
            }
        }
        await begun.pass()
        task.cancel()
        let error = await task.value
        #expect(error?.code == .cancelled)
        #expect(error?.causes.map(\.message) == ["broken off"])
    }

    @Test("a cancelled caller doesn't wait for an operation that never returns")
    func cancelledHang() async {
        let gate = Gate()
        let task = Task {
            await failureCode {
                try await withDeadline(.after(.seconds(600)), grace: .milliseconds(20), waitingFor: "the LUN") {
                    () async throws(StorageError) in await gate.pass()
                }
            }
        }
        await gate.arrival()
        task.cancel()
        #expect(await task.value == .cancelled)
        await gate.open()
    }
}
