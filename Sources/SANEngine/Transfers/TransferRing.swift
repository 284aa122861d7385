import SANHost
import SANModel
import Synchronization

/// A piece of a volume on its way: bytes in a buffer, or zeros.
package struct TransferChunk: Sendable {
    /// In the volume, in bytes.
    package var offset: UInt64
    package var length: UInt64
    /// Nil for zeros.
    package var buffer: TransferBuffer?
    /// Where in the buffer the bytes begin.
    package var start: Int

    package init(offset: UInt64, length: UInt64, buffer: TransferBuffer?, start: Int = 0) {
        self.offset = offset
        self.length = length
        self.buffer = buffer
        self.start = start
    }

    package var end: UInt64 { offset + length }
}

/// Buffers that go round between the storage's thread and the thread that reads the source or writes the sink.
///
/// The local end may block for as long as it likes: the storage is served meanwhile.
package final class TransferRing: Sendable {
    private struct State {
        var free: [TransferBuffer] = []
        var made = 0
        var filled: [TransferChunk] = []
        /// The first that was said counts: the other side may have acted on it.
        var ending: Ending?
        var isStopped = false
    }

    private enum Ending {
        case complete
        case failed(StorageError)
    }

    /// Wakes the local thread.
    package let local: WakeSignal
    /// Wakes the storage's loop.
    private let storage: WakeSignal
    private let state = Mutex(State())
    private let size: Int
    private let limit: Int

    /// - Parameters:
    ///   - size: of each buffer, in bytes.
    ///   - limit: how many buffers there are at most.
    ///   - storage: what the storage's loop waits on.
    /// - Throws: `host_failure` where there are no more descriptors.
    package init(size: Int, limit: Int, storage: WakeSignal) throws(StorageError) {
        local = try WakeSignal()
        self.storage = storage
        self.size = size
        self.limit = limit
    }

    /// What there is to take.
    package enum Next {
        case chunk(TransferChunk)
        /// Nothing at the moment.
        case wait
        case ended
        case failed(StorageError)
    }

    // MARK: Either side

    /// A buffer that nobody uses; nil where all are under way.
    package func takeFree() -> TransferBuffer? {
        let (buffer, makes): (TransferBuffer?, Bool) = state.withLock { state in
            if let buffer = state.free.popLast() { return (buffer, false) }
            guard state.made < limit else { return (nil, false) }
            state.made += 1
            return (nil, true)
        }
        return makes ? TransferBuffer(count: size) : buffer
    }

    /// Gives a buffer back.
    package func release(_ buffer: TransferBuffer) {
        state.withLock { $0.free.append(buffer) }
        wakeAll()
    }

    package func hand(_ chunk: TransferChunk) {
        state.withLock { $0.filled.append(chunk) }
        wakeAll()
    }

    package func next() -> Next {
        state.withLock { state in
            if state.isStopped { return .ended }
            // What was read before the source failed is good.
            if !state.filled.isEmpty { return .chunk(state.filled.removeFirst()) }
            switch state.ending {
            case .complete: return .ended
            case .failed(let error): return .failed(error)
            case nil: return .wait
            }
        }
    }

    /// No more chunks will come.
    package func end() { finish(.complete) }

    package func fail(_ error: StorageError) { finish(.failed(error)) }

    private func finish(_ ending: Ending) {
        state.withLock { $0.ending = $0.ending ?? ending }
        wakeAll()
    }

    package var failure: StorageError? {
        guard case .failed(let error) = state.withLock({ $0.ending }) else { return nil }
        return error
    }

    /// Nobody waits for the rest: the local thread ends as soon as it looks.
    package func stop() {
        state.withLock { $0.isStopped = true }
        wakeAll()
    }

    package var isStopped: Bool { state.withLock { $0.isStopped } }

    private func wakeAll() {
        local.signal()
        storage.signal()
    }

    // MARK: The local side, which may block

    /// Waits for a free buffer; nil when the transfer was stopped.
    package func waitForFree() -> TransferBuffer? {
        while !isStopped {
            if let buffer = takeFree() { return buffer }
            waitForSignal()
        }
        return nil
    }

    /// Waits for a chunk; nil at the end, and when the transfer was stopped.
    package func waitForChunk() -> TransferChunk? {
        while true {
            switch next() {
            case .chunk(let chunk): return chunk
            case .ended, .failed: return nil
            case .wait: waitForSignal()
            }
        }
    }

    private func waitForSignal() {
        _ = Poll.wait([.init(descriptor: local.descriptor, events: Poll.readable)], until: nil)
        local.drain()
    }

    /// Runs the local side on a thread of its own.
    ///
    /// Where the task is cancelled nobody waits for it: it ends with its next look at the ring.
    package static func onThread<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async -> Result<Value, StorageError> {
        do throws(StorageError) {
            return .success(
                try await withBlockingThread(named: name, until: .never, waitingFor: "the local end", body))
        } catch {
            return .failure(error)
        }
    }
}
