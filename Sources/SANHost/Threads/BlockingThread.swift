import CLinux
import Glibc
import Synchronization

/// A serial executor on a thread of its own, for an actor whose calls block: a C library, a device that doesn't answer.
///
/// A call that hangs for minutes blocks this thread and nothing else. The thread ends when the executor goes, after the job it is at.
public final class BlockingThread: SerialExecutor, Sendable {
    private let queue: JobQueue

    /// - Parameter name: at most 15 bytes of it are seen in `ps -L`.
    public init(name: String) {
        let queue = JobQueue()
        self.queue = queue
        let executor = unsafe asUnownedSerialExecutor()
        OneShotThread.start(name: name) {
            while let job = queue.next() { unsafe job.runSynchronously(on: executor) }
        }
    }

    deinit {
        queue.close()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job))
    }
}

/// Jobs in order, and an event that says there is one.
private final class JobQueue: Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let event = Event()

    func append(_ job: UnownedJob) {
        state.withLock { $0.jobs.append(job) }
        event.signal()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        event.signal()
    }

    /// Blocks until there is a job; nil once the queue is closed and empty.
    func next() -> UnownedJob? {
        while true {
            let (job, isClosed) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
            }
            if let job = job { return job }
            if isClosed { return nil }
            event.wait()
        }
    }
}

/// A counting event: `eventfd(2)` in semaphore mode.
package final class Event: Sendable {
    private let descriptor: Int32

    package init() {
        descriptor = san_event_create()
        precondition(descriptor >= 0, "eventfd: out of file descriptors")
    }

    deinit {
        close(descriptor)
    }

    package func signal() {
        _ = san_event_signal(descriptor)
    }

    package func wait() {
        _ = san_event_wait(descriptor)
    }
}

/// A detached thread that runs one closure.
package enum OneShotThread {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Start(name: String(decoding: Array(name.utf8.prefix(15)), as: UTF8.self), body: body)
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                unsafe san_thread_set_name(start.name)
                start.body()
                return nil
            }, Unmanaged.passRetained(start).toOpaque())
        precondition(result == 0, "pthread_create: out of threads")
    }
}
