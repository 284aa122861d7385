import SANCommands
import Synchronization
import SystemPackage

/// Keeps what is written, and says when there is enough of it.
final class MemorySink: TextSink {
    private struct State {
        var bytes: [UInt8] = []
        var failure: Errno?
        var watch: (text: String, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())
    let isTerminal: Bool

    /// - Parameter failure: what every write ends in.
    init(isTerminal: Bool = false, failure: Errno? = nil) {
        self.isTerminal = isTerminal
        state.withLock { $0.failure = failure }
    }

    func write(_ bytes: [UInt8]) throws(Errno) {
        let (failure, watcher): (Errno?, CheckedContinuation<Void, Never>?) = state.withLock { state in
            if let failure = state.failure { return (failure, nil) }
            state.bytes += bytes
            guard let watch = state.watch, String(decoding: state.bytes, as: UTF8.self).contains(watch.text) else {
                return (nil, nil)
            }
            state.watch = nil
            return (nil, watch.continuation)
        }
        watcher?.resume()
        if let failure { throw failure }
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Returns once the text was written.
    func waitFor(_ text: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if String(decoding: state.bytes, as: UTF8.self).contains(text) { return true }
                state.watch = (text, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
