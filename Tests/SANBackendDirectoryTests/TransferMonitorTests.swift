import SANEngine
import SANModel
import Synchronization
import SystemPackage
import Testing

@testable import SANBackendDirectory

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

    /// A user who types, or a slow network, isn't storage that fails.
    @Test func `The caller's own pipe may take longer than that`() async throws {
        let pipe = try FileDescriptor.pipe()
        let context = DirectoryFixture.context(patience: .milliseconds(1))
        async let value = TransferMonitor.run(on: "a test", in: context) { monitor throws(StorageError) in
            try monitor.streaming { () throws(StorageError) in Self.waitForEnd(of: pipe.readEnd) }
            return 7
        }
        try await Task.sleep(for: .milliseconds(100))  // many times the patience
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

    private static func waitForEnd(of descriptor: FileDescriptor) {
        var buffer = [UInt8](repeating: 0, count: 1)
        _ = try? buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
        try? descriptor.close()
    }
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
