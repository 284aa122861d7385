import Glibc
import SANHost
import Synchronization

/// A multipathd below a host made of files: its socket, its pid file and its process.
public final class ScriptedMultipathDaemon: Sendable {
    /// What a command is answered with, its framing included; nil closes the connection.
    public typealias Answer = @Sendable (_ command: String) -> [UInt8]?

    private let listener: Int32
    private let heard = Mutex<[String]>([])
    private let answer: Answer

    /// The commands, in order.
    public var commands: [String] { heard.withLock { $0 } }

    /// - Parameter isRunning: false for a socket that only systemd holds.
    public init(in tree: HostTree, isRunning: Bool = true, _ answer: @escaping Answer) throws {
        self.answer = answer
        if isRunning { try ScriptedMultipathDaemon.pretendProcess(in: tree) }
        try tree.makeFolder("/run")
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array((tree.folder.path.string + "/run/multipathd.socket").utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let result = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, listen(listener, 8) == 0 else {
            throw LabFailure("No socket for multipathd: errno \(errno)")
        }
        start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// A pid file, and a process of that name.
    public static func pretendProcess(in tree: HostTree, called name: String = "multipathd") throws {
        try tree.write("/run/multipathd.pid", "4242")
        try tree.write("/proc/4242/comm", name)
    }

    /// A text with the length before it and the NUL behind it.
    public static func frame(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8) + [0]
        return withUnsafeBytes(of: UInt64(bytes.count)) { Array($0) } + bytes
    }

    private func start() {
        let (descriptor, note, answer) = (listener, Notes(self), self.answer)
        let body = Body {
            while case let connection = accept(descriptor, nil, nil), connection >= 0 {
                var length: UInt64 = 0
                if recv(connection, &length, 8, Int32(MSG_WAITALL)) == 8, length < 4096 {
                    var bytes = [UInt8](repeating: 0, count: Int(length))
                    recv(connection, &bytes, bytes.count, Int32(MSG_WAITALL))
                    let command = String(decoding: bytes.dropLast(), as: UTF8.self)
                    note.add(command)
                    if let reply = answer(command) {
                        send(connection, reply, reply.count, Int32(MSG_NOSIGNAL))
                    }
                }
                close(connection)
            }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(body).toOpaque())
        pthread_detach(thread)
    }

    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Doesn't keep the daemon alive, so that it ends with the test.
    private final class Notes: Sendable {
        private let daemon: Mutex<WeakDaemon>
        init(_ daemon: ScriptedMultipathDaemon) { self.daemon = Mutex(WeakDaemon(value: daemon)) }
        func add(_ command: String) {
            daemon.withLock { $0.value }?.heard.withLock { $0.append(command) }
        }
    }

    private struct WeakDaemon: Sendable {
        weak let value: ScriptedMultipathDaemon?
    }
}
