public import SANHost
import SANModel
import Synchronization

/// A SAN that one test builds in the guest of the kernel lab; all of it is gone at the test's end, last in first out.
///
/// The kernel's targets, hosts and maps are the guest's alone, so suites that use it are named `…LabTests` and run one test at a time,
/// by `Scripts/test lab`. Anywhere else they fail.
public final class Lab: Sendable {
    private struct Step: Sendable {
        let what: String
        let undo: @Sendable () async throws -> Void
    }

    private static let isTaken = Mutex(false)

    /// What the test writes to: sparse files of disks, logs of daemons.
    public let folder: TemporaryFolder
    private let runner = SubprocessRunner()
    private let steps = Mutex<[Step]>([])

    private init() throws {
        folder = try TemporaryFolder()
    }

    /// Gives a test a lab, and takes down what it built there, whatever becomes of it.
    ///
    /// - Throws: what the body throws; else what couldn't be taken down, since the next test would meet it.
    public static func run<Value>(_ body: (Lab) async throws -> Value) async throws -> Value {
        guard try LabFile.read("/proc/cmdline").split(whereSeparator: \.isWhitespace).contains("sanctl.lab") else {
            throw LabFailure("This test needs the guest of the kernel lab: run `make lab-test`, or `Scripts/test lab`")
        }
        let isFree = isTaken.withLock { taken in
            defer { taken = true }
            return !taken
        }
        guard isFree else { throw LabFailure("Another test uses the lab: they can't be run in parallel") }
        defer { isTaken.withLock { $0 = false } }
        let lab = try Lab()
        do {
            let value = try await body(lab)
            let failures = await lab.takeDown()
            guard failures.isEmpty else { throw LabFailure(failures.joined(separator: "\n")) }
            return value
        } catch {
            let failures = await lab.takeDown()
            guard failures.isEmpty else {
                throw LabFailure(([String(describing: error)] + failures).joined(separator: "\n"))
            }
            throw error
        }
    }

    /// Says how something that was made is taken down at the test's end.
    ///
    /// - Parameter undo: does nothing for what the test has taken down itself.
    public func atEnd(_ what: String, _ undo: @escaping @Sendable () async throws -> Void) {
        steps.withLock { $0.append(Step(what: what, undo: undo)) }
    }

    /// A task of its own: that of a test whose time is up is cancelled, and the SAN has to go all the same.
    private func takeDown() async -> [String] {
        await Task {
            var failures: [String] = []
            while let step = steps.withLock({ $0.popLast() }) {
                do {
                    try await step.undo()
                } catch {
                    failures.append("\(step.what) couldn't be taken down: \(error)")
                }
            }
            return failures
        }.value
    }

    // MARK: Programs

    /// Runs a program, whatever it exits with.
    public func attempt(
        _ program: String, _ arguments: [String], within patience: Duration = .seconds(120)
    ) async throws -> CommandOutput {
        let tool = Tool(name: program, package: "that Scripts/setup names for the lab")
        return try await runner.run(Command(tool, arguments), until: .after(patience))
    }

    /// Runs a program that has to succeed.
    ///
    /// - Returns: its standard output.
    @discardableResult
    public func run(
        _ program: String, _ arguments: String..., within patience: Duration = .seconds(120)
    ) async throws -> String {
        let result = try await attempt(program, arguments, within: patience)
        guard result.status == 0 else {
            throw LabFailure(
                "\(program) \(arguments.joined(separator: " ")) exited with \(result.status): \(result.diagnostics)")
        }
        return String(decoding: result.output, as: UTF8.self)
    }

    /// Loads modules of the kernel, which stay.
    public func load(_ modules: String...) async throws {
        for module in modules { try await run("modprobe", module) }
    }

    // MARK: Waiting

    /// Waits for something to become true of the host.
    ///
    /// - Parameter patience: generous: it is the machine's slowness that it has to cover, never what is expected.
    public func wait(
        for what: String, within patience: Duration = .seconds(90), _ isFulfilled: () async throws -> Bool
    ) async throws {
        let deadline = Deadline.after(patience)
        while try await !isFulfilled() {
            guard !deadline.hasPassed else { throw LabFailure("Waited \(patience) in vain for \(what)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits until udev has dealt with every event that the kernel has sent so far.
    public func settle() async throws {
        try await run("udevadm", "settle", "--timeout=110")
    }
}
