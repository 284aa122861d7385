import SANEngine
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage

/// Keeps what it hears.
final class ProgressRecorder: ProgressReporting {
    private let values = Mutex<[UInt64]>([])
    private let heard = AsyncStream<UInt64>.makeStream()

    var seen: [UInt64] { values.withLock { $0 } }

    func report(done: ByteCount, total: ByteCount?) {
        values.withLock { $0.append(done.bytes) }
        heard.continuation.yield(done.bytes)
    }

    /// Waits until so many bytes are done; for one caller at a time.
    func waitUntil(_ bytes: UInt64) async throws {
        for await done in heard.stream where done >= bytes { return }
    }
}

/// Pipes with somebody at the other end.
enum Pipes {
    /// Gives `body` the end of a pipe into which `bytes` are written.
    static func feeding<Value: Sendable>(
        _ bytes: [UInt8], _ body: (DataEnd) async throws -> Value
    ) async throws -> Value {
        let (reading, writing) = try FileDescriptor.pipe()
        let feeder = Task.detached { try await write(bytes, to: writing, closes: true) }
        let value: Result<Value, any Error>
        do {
            value = .success(try await body(DataEnd(descriptor: reading, isSeekable: false, name: "pipe")))
        } catch {
            value = .failure(error)
        }
        try reading.close()
        // Where not all was read the feeder finds the pipe broken.
        _ = await feeder.result
        return try value.get()
    }

    /// Gives `body` the end of a pipe and collects what it writes.
    static func collecting(_ body: (DataEnd) async throws -> TransferSummary) async throws -> [UInt8] {
        let (reading, writing) = try FileDescriptor.pipe()
        async let collected = withThread { () throws -> [UInt8] in
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try reading.read(into: $0) }
                if count == 0 { break }
                bytes += chunk.prefix(count)
            }
            try reading.close()
            return bytes
        }
        _ = try await body(DataEnd(descriptor: writing, isSeekable: false, name: "pipe"))
        try writing.close()
        return try await collected
    }

    static func write(_ bytes: [UInt8], to descriptor: FileDescriptor, closes: Bool = false) async throws {
        try await withThread {
            _ = try descriptor.writeAll(bytes)
            if closes { try descriptor.close() }
        }
    }
}
