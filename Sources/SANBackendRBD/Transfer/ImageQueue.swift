import CCeph
import SANEngine
import SANHost
import SANModel
import Synchronization

/// Requests to an open image, many under way at once, for one thread that submits them and waits.
///
/// A request can't be taken back. Whoever gives up on one leaves the image to it: it is closed when its last request has ended, on a thread
/// of its own, as librbd can't close an image from within its answer.
final class ImageQueue: Sendable {
    enum Request: Sendable {
        case read(TransferChunk)
        case write(TransferChunk)
        case zero(Range<UInt64>, ZeroMethod)
        case flush
    }

    enum ZeroMethod: Sendable, Hashable {
        /// Reads as zeros afterwards, to the byte; objects that have nothing else go. A discard would leave what isn't a whole
        /// `rbd_discard_granularity_bytes` as it was.
        case punch
        /// Zeros that take space.
        case write

        /// The bytes of one request: small enough to end within any patience.
        var runLength: UInt64 { self == .write ? 64 << 20 : 1 << 30 }
    }

    struct Outcome: Sendable {
        var tag: Int
        /// Bytes read, 0, or a negative errno.
        var result: Int
    }

    /// What a request in flight needs until it has ended.
    private final class Pending: Sendable {
        let queue: ImageQueue
        let tag: Int
        let buffer: TransferBuffer?

        init(_ queue: ImageQueue, _ tag: Int, _ buffer: TransferBuffer?) {
            self.queue = queue
            self.tag = tag
            self.buffer = buffer
        }
    }

    private struct State {
        var image: OpenImage?
        /// Since when each request has been with the cluster.
        var running: [Int: ContinuousClock.Instant] = [:]
        var outcomes: [Outcome] = []
        var isAbandoned = false
    }

    private let state: Mutex<State>
    private let wake: WakeSignal
    private let name: String

    /// How many requests are under way at once.
    static let window = 8

    /// - Parameter wake: signalled after each request, too.
    init(_ image: OpenImage, wake: WakeSignal) {
        state = Mutex(State(image: image))
        name = image.name.printable
        self.wake = wake
    }

    /// Closes the image, now or when its last request has ended.
    func close() {
        let image = state.withLock { state -> OpenImage? in
            state.isAbandoned = true
            guard state.running.isEmpty else { return nil }
            defer { state.image = nil }
            return state.image
        }
        // Released here, on the thread that submitted.
        withExtendedLifetime(image) {}
    }

    func submit(_ request: Request, tag: Int) {
        let image = state.withLock { state in
            state.running[tag] = .now
            return state.image
        }
        guard let image else { return finish(tag, -108) }
        let functions = unsafe CephLibrary.functions
        let pending = unsafe Unmanaged.passRetained(Pending(self, tag, request.buffer)).toOpaque()
        var made: rbd_completion_t?
        let created = unsafe functions.rbd_aio_create_completion(
            pending,
            { completion, argument in
                guard let argument = unsafe argument else { return }
                let result = unsafe CephLibrary.functions.rbd_aio_get_return_value(completion)
                unsafe CephLibrary.functions.rbd_aio_release(completion)
                let pending = unsafe Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
                pending.queue.finish(pending.tag, result)
            }, &made)
        var result = created
        if created >= 0 { result = unsafe request.start(functions, image.handle, made) }
        guard result < 0 else { return }
        // It was never sent: its callback won't come.
        if created >= 0 { unsafe functions.rbd_aio_release(made) }
        unsafe Unmanaged<Pending>.fromOpaque(pending).release()
        finish(tag, Int(result))
    }

    /// Waits for requests to end; nothing where something else happened that is worth a look.
    ///
    /// - Parameter patience: how long one request may take.
    /// - Throws: `timed_out`; the request is still with the cluster then.
    func wait(patience: Duration) throws(StorageError) -> [Outcome] {
        let (outcomes, oldest) = state.withLock { state in
            defer { state.outcomes = [] }
            return (state.outcomes, state.running.values.min())
        }
        if !outcomes.isEmpty { return outcomes }
        let deadline = oldest.map { Deadline($0.advanced(by: patience)) }
        if deadline?.hasPassed == true {
            throw StorageError(
                .timedOut,
                "The cluster didn't end a request to the image '\(name)' within \(patience); it may still carry it out",
                subject: .volume(name))
        }
        _ = Poll.wait([.init(descriptor: wake.descriptor, events: Poll.readable)], until: deadline)
        wake.drain()
        return state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    private func finish(_ tag: Int, _ result: Int) {
        let isLast = state.withLock { state in
            state.running[tag] = nil
            state.outcomes.append(Outcome(tag: tag, result: result))
            return state.isAbandoned && state.running.isEmpty && state.image != nil
        }
        wake.signal()
        if isLast { OneShotThread.start(name: "san-rbd-close") { [self] in close() } }
    }
}

extension ImageQueue.Request {
    fileprivate var buffer: TransferBuffer? {
        switch self {
        case .read(let chunk), .write(let chunk): chunk.buffer
        case .zero, .flush: nil
        }
    }

    /// - Returns: a negative errno where nothing was sent.
    @unsafe fileprivate func start(
        _ functions: san_ceph_functions, _ image: rbd_image_t?, _ completion: rbd_completion_t?
    ) -> Int32 {
        switch self {
        case .read(let chunk):
            unsafe chunk.withMemory { memory in
                unsafe functions.rbd_aio_read2(
                    image, chunk.offset, Int(chunk.length), memory, completion, ImageQueue.isSequential)
            }
        case .write(let chunk):
            unsafe chunk.withMemory { memory in
                unsafe functions.rbd_aio_write2(
                    image, chunk.offset, Int(chunk.length), memory, completion, ImageQueue.isSequential)
            }
        case .zero(let range, let method):
            unsafe functions.rbd_aio_write_zeroes(
                image, range.lowerBound, range.count, completion,
                method == .write ? Int32(RBD_WRITE_ZEROES_FLAG_THICK_PROVISION) : 0, 0)
        case .flush: unsafe functions.rbd_aio_flush(image, completion)
        }
    }
}

extension ImageQueue {
    /// `LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL`: nobody looks at the bytes again soon.
    fileprivate static let isSequential: Int32 = 0x10
}

extension TransferChunk {
    /// The memory stays where it is until the buffer goes, which the request holds.
    @unsafe fileprivate func withMemory(_ body: (UnsafeMutablePointer<CChar>?) -> Int32) -> Int32 {
        guard let buffer else { return -22 }
        return unsafe buffer.withBytes { memory in
            unsafe body(memory.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self))
        }
    }
}
