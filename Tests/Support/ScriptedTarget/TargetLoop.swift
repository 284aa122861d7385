import Glibc
import Synchronization

/// The thread of a target: it alone reads from and writes to sockets.
final class TargetLoop: Sendable {
    let core: Mutex<TargetCore>
    let wake: Wake

    init(core: sending TargetCore) throws(ScriptedTargetError) {
        wake = try Wake()
        self.core = Mutex(core)
    }

    /// What the next `poll(2)` looks at; the connections follow the wake socket and the listener.
    private struct Plan: Sendable {
        var descriptors: [pollfd]
        var connections: [Int]
        var timeout: Int32
    }

    /// Serves until the target is stopped; then closes everything.
    func run() {
        while true {
            var plan = core.withLock { self.plan($0) }
            let count = unsafe poll(&plan.descriptors, nfds_t(plan.descriptors.count), plan.timeout)
            if count < 0 { for index in plan.descriptors.indices { plan.descriptors[index].revents = 0 } }
            wake.clear()
            let polled = plan
            let (isStopped, released) = core.withLock { core in
                if core.isStopping {
                    core.closeAll()
                } else {
                    serve(core, polled)
                }
                return (core.isStopping, core.releaseWaiters())
            }
            for release in released { release.resume() }
            if isStopped { return }
        }
    }

    private func plan(_ core: TargetCore) -> Plan {
        let input = Int16(POLLIN)
        var plan = Plan(
            descriptors: [pollfd(fd: wake.descriptor, events: input, revents: 0)], connections: [],
            timeout: core.millisecondsToDeadline)
        plan.descriptors.append(pollfd(fd: core.listenerDescriptor, events: input, revents: 0))
        for (id, connection) in core.connections {
            let wantsOutput = connection.hasOutput && !core.script.isHanging
            let events = wantsOutput ? input | Int16(POLLOUT) : input
            plan.descriptors.append(pollfd(fd: connection.socket.descriptor, events: events, revents: 0))
            plan.connections.append(id)
        }
        return plan
    }

    private func serve(_ core: TargetCore, _ plan: Plan) {
        if plan.descriptors[1].revents != 0 { core.acceptAll() }
        for (index, id) in plan.connections.enumerated() {
            let events = plan.descriptors[index + 2].revents
            guard events & ~Int16(POLLOUT) != 0, let connection = core.connections[id] else { continue }
            core.receive(on: connection)
        }
        core.settle()
        core.transmit()
    }

    /// Starts a thread that can be joined.
    static func start(_ loop: TargetLoop) throws(ScriptedTargetError) -> pthread_t {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(loop)
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<TargetLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard result == 0 else {
            unsafe argument.release()
            throw .system(call: "pthread_create", errno: result)
        }
        return thread
    }
}

extension TargetCore {
    var listenerDescriptor: Int32 { listener?.descriptor ?? -1 }

    func closeAll() {
        listener = nil
        for connection in connections.values {
            drop(connection)
        }
    }
}
