import SANEngine
import SANHost
import SANModel
import Synchronization
import SystemPackage
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

/// Transfers that are cancelled, and storage that doesn't answer.
@Suite struct TransferMonitorTests {
    @Test func `Storage that doesn't answer is given up`() async throws {
        let pipe = try FileDescriptor.pipe()
        let context = DirectoryFixture.context(patience: .milliseconds(50))
        await expect(.timedOut) {
            try await TransferMonitor.run(on: "a test", in: context) { monitor throws(StorageError) in
                try monitor.asking { () throws(StorageError) in Self.waitForEnd(of: pipe.readEnd) }
            }
        }
        try pipe.writeEnd.close()
    }

    /// Also where the call isn't told of: none can be forgotten.
    @Test(.timeLimit(.minutes(2))) func `Whatever a transfer hangs in is given up`() async throws {
        let pipe = try FileDescriptor.pipe()
        let context = DirectoryFixture.context(patience: .milliseconds(50))
        await expect(.timedOut) {
            try await TransferMonitor.run(on: "a test", in: context) { _ throws(StorageError) in
                Self.waitForEnd(of: pipe.readEnd)
            }
        }
        try pipe.writeEnd.close()
    }

    @Test(arguments: [false, true])
    func `A cancelled transfer takes its change back, an abandoned one doesn't`(isAbandoned: Bool) async throws {
        let pipe = try FileDescriptor.pipe()
        let (begun, undone) = (FirstResult<Void>(), FirstResult<Bool>())
        let context = DirectoryFixture.context(patience: isAbandoned ? .milliseconds(50) : .seconds(60))
        let transfer = Task {
            try await TransferMonitor.run(on: "a test", in: context) { monitor throws(StorageError) in
                try monitor.asking { () throws(StorageError) in
                    begun.finish(.success(()))
                    Self.waitForEnd(of: pipe.readEnd)
                }
                do throws(StorageError) {
                    try monitor.undoing { () throws(StorageError) in _ = undone.finish(.success(true)) }
                } catch {
                    undone.finish(.success(false))
                }
            }
        }
        _ = await begun.value()
        if isAbandoned { await expect(.timedOut) { try await transfer.value } } else { transfer.cancel() }
        try pipe.writeEnd.close()
        #expect(try await undone.value().get() == !isAbandoned)
    }

    /// A user who types, or a slow network, isn't storage that fails.
    @Test func `The caller's own pipe may take longer than that`() async throws {
        let pipe = try FileDescriptor.pipe()
        let context = DirectoryFixture.context(patience: .seconds(1))
        async let value = TransferMonitor.run(on: "a test", in: context) { monitor throws(StorageError) in
            try monitor.streaming { () throws(StorageError) in Self.waitForEnd(of: pipe.readEnd) }
            return 7
        }
        try await Task.sleep(for: .seconds(3))  // more than the patience
        try pipe.writeEnd.close()
        #expect(try await value == 7)
    }

    @Test func `A transfer that is cancelled writes nothing more once that is told`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("source", [UInt8](repeating: 9, count: 64 << 20))
        let volume = try await fixture.create("v", 64 << 20) { $0.allocation = 0 }
        let progress = Cancelling()
        let context = DirectoryFixture.context(progress: progress)
        let upload = Task {
            let source = try LocalFile(fixture.path("source"), .readOnly)
            return try await fixture.pool.upload(source.end, to: volume, TransferRequest(), in: context)
        }
        progress.cancel(upload)
        await expect(.cancelled) { try await upload.value }
        let after = try fixture.read("v")
        #expect(after.last == 0)
        #expect(try fixture.read("v") == after)
    }

    /// The engine looks for the volume at once then, and takes the secret away that was made for it.
    @Test func `What is told to be cancelled doesn't get its name later`() async throws {
        let fixture = try await DirectoryFixture()
        var cancelled: [String] = []
        for index in 0..<200 {
            let name = "v\(index)"
            let creation = Task { try await fixture.create(name, 512) { $0.allocation = 0 } }
            // Somewhere on its way, each time a little later.
            for _ in 0..<index { await Task.yield() }
            creation.cancel()
            if case .failure = await creation.result { cancelled.append(name) }
        }
        try await fixture.create("last", 512)
        let names = Set(try fixture.names())
        #expect(!cancelled.isEmpty)
        #expect(cancelled.filter { names.contains($0) } == [])
    }

    @Test func `A clone that is cancelled leaves nothing`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("origin", [UInt8](repeating: 9, count: 64 << 20))
        let origin = VolumeRequest.Origin(
            volume: try await fixture.volume("origin"), pool: OpaquePool(pool: fixture.pool))
        let progress = Cancelling()
        let context = DirectoryFixture.context(progress: progress)
        let clone = Task {
            try await fixture.pool.createVolume(
                VolumeRequest(VolumeDefinition(name: "clone"), origin: origin), in: context)
        }
        progress.cancel(clone)
        await expect(.cancelled) { try await clone.value }
        // The last hold on the private folder may be the thread's that is just ending; the next creation can't be in its way.
        try await fixture.create("next", 512)
        #expect(try fixture.names().contains("next"))
        #expect(try !fixture.names().contains("clone"))
    }

    /// Another host, or QEMU for a guest, may make an origin longer after it was looked at.
    @Test func `A copy that is larger than its origin was isn't cut to what was asked for`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("origin", [UInt8](repeating: 9, count: 1 << 20))
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("origin"), pool: fixture.pool)
        let context = DirectoryFixture.context(
            progress: Meddling(body: { done in
                guard done == 1 << 20, let staging = try? fixture.names().first(where: { $0.hasPrefix(".sanctl-") })
                else { return }
                truncate(fixture.path("\(staging)/volume"), 3 << 20)
            }))
        let copy = try await fixture.pool.createVolume(
            VolumeRequest(VolumeDefinition(name: "copy", capacity: 2 << 20), origin: origin), in: context
        ).value
        #expect(copy.definition.capacity == 3 << 20)
        #expect(try fixture.read("copy").prefix(1 << 20).allSatisfy { $0 == 9 })
    }

    @Test func `A copy of what is cut meanwhile, where it has a hole, fails`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("origin", [UInt8](repeating: 9, count: 1 << 20))
        #expect(truncate(fixture.path("origin"), 64 << 20) == 0)
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("origin"), pool: fixture.pool)
        let context = DirectoryFixture.context(
            progress: Meddling(body: { done in
                if done <= 1 << 20 { truncate(fixture.path("origin"), 2 << 20) }
            }))
        await expect(.hostFailure) {
            try await fixture.pool.createVolume(
                VolumeRequest(VolumeDefinition(name: "copy"), origin: origin), in: context)
        }
        #expect(try fixture.names() == ["origin"])
    }

    private static func waitForEnd(of descriptor: FileDescriptor) {
        var buffer = [UInt8](repeating: 0, count: 1)
        _ = try? buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
        try? descriptor.close()
    }
}

/// Does something to the files at each report.
private struct Meddling: ProgressReporting {
    let body: @Sendable (UInt64) -> Void

    func report(done: ByteCount, total: ByteCount?) { body(done.bytes) }
}

/// Cancels a task at the first report, and holds the transfer until there is a task to cancel.
private final class Cancelling: ProgressReporting {
    private let task = Mutex<(@Sendable () -> Void)?>(nil)

    func cancel<Value>(_ task: Task<Value, any Error>) {
        self.task.withLock { $0 = { task.cancel() } }
    }

    func report(done: ByteCount, total: ByteCount?) {
        while true {
            if let cancel = task.withLock({ $0 }) { return cancel() }
        }
    }
}
