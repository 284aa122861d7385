import CLinux
import SANHost
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Turns the signals that end a process into the cancellation of its work.
///
/// The second one of a kind kills as ever.
struct Interrupts: Sendable {
    private let pipe: Int32

    /// Watches SIGINT, SIGTERM, SIGHUP and SIGQUIT where they aren't ignored already (`nohup`, a shell's background job), and
    /// ignores SIGPIPE, so that a reader that goes away is an error of `write(2)`.
    ///
    /// - Returns: nil where the kernel gives no pipe; signals then kill at once.
    init?() {
        signal(SIGPIPE, SIG_IGN)
        let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        pipe = unsafe signals.withUnsafeBufferPointer { buffer in
            unsafe san_signals_watch(buffer.baseAddress, Int32(buffer.count))
        }
        guard pipe >= 0 else { return nil }
    }

    /// Waits for the first signal; ends without one when the task is cancelled.
    func wait() async {
        let pipe = pipe
        _ = try? await withBlockingThread(  // only cancellation ends it otherwise, and that is no news
            named: "san-signals", until: .never, waitingFor: "a signal"
        ) { san_signals_wait(pipe) }
    }
}
