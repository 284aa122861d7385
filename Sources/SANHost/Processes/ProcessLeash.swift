import SANModel
import Synchronization
import SystemPackage

/// Has the kernel end a program when this process ends, also by SIGKILL: `setpriv --pdeathsig KILL`, which is `prctl(PR_SET_PDEATHSIG)` and `execve`.
///
/// The signal comes when the *thread* ends that made the child. swift-subprocess 1.0 makes every child on one thread, which lasts as long as the
/// process. A process that is killed before setpriv has made that one call leaves the program running: see docs/decisions/0006.
final class ProcessLeash: Sendable {
    /// Whether this host's setpriv can do it, as that of util-linux 2.33 and later; nil before it was tried.
    private let isKnown = Mutex<Bool?>(nil)

    /// The program that puts the leash on; nil where there is none that can.
    ///
    /// - Throws: `timed_out`, `cancelled`, `host_failure`.
    func program(of runner: SubprocessRunner, until deadline: Deadline) async throws(StorageError) -> FilePath? {
        guard let path = runner.locate(.setpriv) else { return nil }
        if let known = isKnown.withLock({ $0 }) { return known ? path : nil }
        let trial = Command(.setpriv, ProcessLeash.arguments(path, ["--version"]))
        let works = try await runner.run(trial, until: deadline).status == 0
        isKnown.withLock { $0 = works }
        return works ? path : nil
    }

    static func arguments(_ program: FilePath, _ arguments: [String]) -> [String] {
        ["--pdeathsig", "KILL", "--", program.string] + arguments
    }
}
