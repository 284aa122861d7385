import Glibc
import Synchronization

/// An iSCSI target on a loopback port that behaves as a test tells it to.
///
/// One normal session per connection, no CHAP, no digests, error recovery level 0. All its names lead to the same units;
/// for several targets with units of their own, let one ``ScriptedTarget`` announce the others.
///
/// ```swift
/// let target = try ScriptedTarget(luns: [1: ScriptedLUN(capacity: 1 << 30)])
/// try target.update(lun: 1) { $0.faults = [.unitAttention(times: 2)] }
/// ```
public final class ScriptedTarget: Sendable {
    public enum Address: Sendable {
        case ipv4
        case ipv6
    }

    /// The port the kernel chose.
    public let port: UInt16
    public let name: String
    /// `127.0.0.1:PORT` or `[::1]:PORT`.
    public let portal: String

    private let loop: TargetLoop
    private let thread: Mutex<pthread_t?>

    /// Listens, and serves on a thread of its own until it is stopped.
    ///
    /// - Throws: ``ScriptedTargetError/system(call:errno:)``.
    public init(
        name: String = "iqn.2024-01.com.example:scripted", script: Script, address: Address = .ipv4
    ) throws(ScriptedTargetError) {
        let listener = try Socket.listening(on: address)
        port = try listener.port()
        portal = (address == .ipv4 ? "127.0.0.1" : "[::1]") + ":\(port)"
        self.name = name
        loop = try TargetLoop(core: TargetCore(name: name, portal: portal, script: script, listener: listener))
        thread = Mutex(try TargetLoop.start(loop))
    }

    /// Listens with some units and nothing wrong.
    public convenience init(
        name: String = "iqn.2024-01.com.example:scripted", luns: [UInt64: ScriptedLUN], address: Address = .ipv4
    ) throws(ScriptedTargetError) {
        try self.init(name: name, script: Script(luns: luns), address: address)
    }

    deinit {
        stop()
    }

    /// Closes every connection and the port, and waits for the thread to end.
    ///
    /// What a test still waits for fails. Once is enough, more often does no harm.
    public func stop() {
        loop.core.withLock { $0.isStopping = true }
        loop.wake.signal()
        thread.withLock { thread in
            guard let joined = thread else { return }
            _ = pthread_join(joined, nil)
            thread = nil
        }
    }

    /// libiscsi's address of a unit, such as `iscsi://127.0.0.1:41233/iqn.2024-01.com.example:scripted/1`.
    public func url(lun: UInt64) -> String {
        "iscsi://\(portal)/\(name)/\(lun)"
    }

    // MARK: The script

    public var script: Script {
        loop.core.withLock { $0.script }
    }

    /// Changes how the target behaves, from now on and for the commands that have no answer yet.
    ///
    /// `change` runs behind the target's lock: it must not use the target, nor take long.
    public func update(_ change: (inout Script) -> Void) {
        act { core in
            change(&core.script)
            core.settle()
        }
    }

    /// Changes a unit, as ``update(_:)`` changes the target.
    ///
    /// - Throws: ``ScriptedTargetError/noSuchLUN(_:)``.
    public func update(lun: UInt64, _ change: (inout ScriptedLUN) -> Void) throws(ScriptedTargetError) {
        var isThere = false
        update { script in
            guard var unit = script.luns.removeValue(forKey: lun) else { return }
            isThere = true
            change(&unit)
            script.luns[lun] = unit
        }
        guard isThere else { throw .noSuchLUN(lun) }
    }

    /// The bytes a unit holds.
    ///
    /// - Throws: ``ScriptedTargetError/noSuchLUN(_:)``.
    public func contents(lun: UInt64) throws(ScriptedTargetError) -> SparseContents {
        guard let unit = script.luns[lun] else { throw .noSuchLUN(lun) }
        return unit.contents
    }

    /// Ends every connection there is now; new ones are accepted.
    public func endConnections(_ ending: Ending) {
        act { core in
            for connection in core.connections.values where connection.ending == nil {
                core.end(connection, ending)
            }
        }
    }

    // MARK: What happened

    public var status: Status {
        loop.core.withLock { $0.status }
    }

    /// Waits until something has happened, without polling.
    ///
    /// - Parameters:
    ///   - reason: what is waited for, for the message of the error.
    ///   - condition: is looked at after every change; must not use the target.
    /// - Returns: the status that fulfilled the condition.
    /// - Throws: `timedOut`, `stopped`, `cancelled`.
    @discardableResult
    public func waitUntil(
        _ reason: String, within limit: Duration = .seconds(60), _ condition: @escaping @Sendable (Status) -> Bool
    ) async throws(ScriptedTargetError) -> Status {
        let id = loop.core.withLock { $0.nextWaiter() }
        let deadline = ContinuousClock.now.advanced(by: limit)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(
                    id: id, reason: reason, deadline: deadline, isFulfilled: condition, continuation: continuation)
                act { $0.waiters.append(waiter) }
                // A task that is cancelled by now has had its handler called in vain.
                if Task.isCancelled { cancelWaiter(id) }
            }
        } onCancel: {
            cancelWaiter(id)
        }
        return try outcome.get()
    }

    private func cancelWaiter(_ id: Int) {
        loop.core.withLock { $0.cancelWaiter(id) }?.resume()
    }

    /// Changes the state, and has the thread send what follows from it.
    private func act(_ change: (TargetCore) -> Void) {
        let released = loop.core.withLock { core in
            change(core)
            return core.releaseWaiters()
        }
        for release in released { release.resume() }
        loop.wake.signal()
    }
}
