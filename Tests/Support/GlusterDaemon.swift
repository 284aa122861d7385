import Synchronization
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A private `glusterd`, on a loopback address of its own; gone with this process, bricks too.
///
/// Its port can't be moved, so each server has an address; of IPv6 there is one, for which servers wait. Needs root.
public final class GlusterDaemon: Sendable {
    /// The server that the suites share: starting one takes a second.
    public static let shared: Result<GlusterDaemon, any Error> = Result { try GlusterDaemon() }

    public let address: String
    public let folder: TemporaryFolder
    private let process: LeashedProcess
    /// Ends the bricks when this process ends, however: they are daemons of their own.
    private let reaper: LeashedReaper
    private static let port: UInt16 = 24007

    /// - Throws: what is missing: the package `glusterfs-server`, or a server that doesn't come up.
    public init(isIPv6: Bool = false) throws {
        folder = try TemporaryFolder()
        let program = "/usr/sbin/glusterd"
        guard access(program, X_OK) == 0 else {
            throw TgtFailure("\(program) isn't there: install the package glusterfs-server")
        }
        for name in ["work", "run", "bricks"] {
            guard mkdir(folder.appending(name).string, 0o755) == 0 else { throw TgtFailure("no folder \(name)") }
        }
        address = isIPv6 ? "::1" : try GlusterDaemon.freeAddress()
        if isIPv6 { try GlusterDaemon.waitForIPv6() }
        let base = 30_000 + Int.random(in: 0..<1_000) * 20
        let configuration = """
            volume management
                type mgmt/glusterd
                option working-directory \(folder.path)/work
                option run-directory \(folder.path)/run
                option glusterd-sockfile \(folder.path)/glusterd.socket
                option transport-type socket
                option transport.address-family \(isIPv6 ? "inet6" : "inet")
                option transport.socket.bind-address \(address)
                option transport.socket.listen-port \(GlusterDaemon.port)
                option transport.socket.read-fail-log off
                option ping-timeout 0
                option event-threads 1
                option base-port \(base)
                option max-port \(base + 19)
            end-volume

            """
        try LocalEnds.write(Array(configuration.utf8), to: folder.appending("glusterd.vol"))
        reaper = try LeashedReaper(folder: folder)
        process = try GlusterDaemon.start(folder)
        try waitUntilReady()
    }

    deinit {
        process.end()
        reaper.end()
    }

    private static func start(_ folder: TemporaryFolder) throws -> LeashedProcess {
        try LeashedProcess(
            [
                "/usr/sbin/glusterd", "-N", "-f", "\(folder.path)/glusterd.vol", "-l", "\(folder.path)/glusterd.log",
                "-L", "WARNING",
            ], environment: [], log: folder.appending("log"))
    }

    // MARK: Volumes

    /// Makes and starts a volume of one brick, or of several that have the same files.
    ///
    /// - Parameter place: the folder of the bricks' folders; nil for the server's own.
    /// - Returns: the first brick's folder.
    @discardableResult
    public func addVolume(_ name: String, replicas: Int = 1, in place: FilePath? = nil) throws -> FilePath {
        let bricks = replicas == 1 ? [name] : (0..<replicas).map { "\(name).\($0)" }
        let folders = bricks.map { (place ?? folder.appending("bricks")).appending($0) }
        let kind = replicas == 1 ? [] : ["replica", "\(replicas)"]
        try administer(["volume", "create", name] + kind + folders.map { "\(address):\($0)" } + ["force"])
        // A hung brick is given up on soon enough for a test.
        try administer("volume", "set", name, "network.ping-timeout", "5")
        try administer("volume", "start", name)
        return folders[0]
    }

    /// Ends the brick of a volume at once.
    public func killBrick(of volume: String, _ brick: String? = nil) throws {
        try signalBrick(of: volume, brick, SIGKILL)
    }

    /// Makes the brick of a volume hang: it keeps its connections and answers nothing.
    public func pauseBrick(of volume: String) throws { try signalBrick(of: volume, nil, SIGSTOP) }

    public func resumeBrick(of volume: String) throws { try signalBrick(of: volume, nil, SIGCONT) }

    /// Starts the brick of a volume that has ended: as often as it takes until the server has noticed that it has.
    public func restartBrick(of volume: String, _ name: String? = nil) throws {
        for _ in 0..<300 {
            try administer("volume", "start", volume, "force")
            if let pid = try brick(of: volume, name), GlusterDaemon.isAlive(pid) { return }
            usleep(100_000)
        }
        throw TgtFailure("the brick of \(volume) isn't up after 30 seconds")
    }

    /// Has the bricks of a volume healed soon; where its healer isn't up yet, later.
    public func heal(_ volume: String) throws { _ = try run(["volume", "heal", volume]) }

    /// Makes the server hang, bricks excepted.
    public func pause() { process.signal(SIGSTOP) }

    public func resume() { process.signal(SIGCONT) }

    public func stopVolume(_ name: String) throws { try administer("volume", "stop", name) }

    /// Deletes a volume of one brick, and waits until the brick's process has ended: its file system can be unmounted then.
    public func removeVolume(_ name: String) throws {
        let pid = try brick(of: name, nil)
        try administer("volume", "stop", name, "force")
        try administer("volume", "delete", name)
        for _ in 0..<3_000 {
            guard let pid, GlusterDaemon.isAlive(pid) else { return }
            usleep(10_000)
        }
        throw TgtFailure("the brick of \(name) hasn't ended after 30 seconds")
    }

    private func signalBrick(of volume: String, _ name: String?, _ signal: Int32) throws {
        guard let pid = try brick(of: volume, name), kill(pid, signal) == 0 else {
            throw TgtFailure("volume \(volume) has no brick")
        }
    }

    /// Whether it runs: nobody may have waited for a daemon that was killed.
    private static func isAlive(_ pid: pid_t) -> Bool {
        guard let file = try? FileDescriptor.open("/proc/\(pid)/stat", .readOnly) else { return false }  // it ended
        defer { try? file.close() }  // reading is over
        var text = [UInt8](repeating: 0, count: 256)
        let count = (try? text.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0  // it ended
        return count > 0 && text.split(separator: UInt8(ascii: " ")).dropFirst(2).first?.first != UInt8(ascii: "Z")
    }

    private func brick(of volume: String, _ name: String?) throws -> pid_t? {
        for file in try LeashedReaper.pidFiles(in: folder) where file.string.contains("/vols/\(volume)/") {
            guard file.string.hasSuffix("-\(name ?? volume).pid") else { continue }
            let text = String(decoding: try LocalEnds.read(file), as: UTF8.self)
            if let pid = pid_t(text.prefix { $0.isNumber }), pid > 1 { return pid }
        }
        return nil
    }

    // MARK: Below

    /// An address whose port of Gluster nobody has; not 127.0.0.1, on which Gluster takes no brick.
    private static func freeAddress() throws -> String {
        for _ in 0..<100 {
            let address = "127.\(Int.random(in: 64...127)).\(Int.random(in: 0...255)).\(Int.random(in: 2...254))"
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            _ = inet_pton(AF_INET, address, &name.sin_addr)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            let isFree = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree { return address }
        }
        throw TgtFailure("port \(port) is taken on every address that was tried")
    }

    /// Waits for the one address of IPv6 that every machine has.
    private static func waitForIPv6() throws {
        for _ in 0..<1_200 {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            name.sin6_addr = in6addr_loopback
            let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var reuse: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
            let isFree = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
                }
            }
            if isFree { return }
            usleep(100_000)
        }
        throw TgtFailure("port \(port) is taken on ::1, or this machine has no IPv6")
    }

    public func administer(_ arguments: String...) throws { try administer(arguments) }

    private func administer(_ arguments: [String]) throws {
        guard try run(arguments) == 0 else {
            throw TgtFailure("gluster \(arguments.joined(separator: " ")): see \(folder.path)/cli.out")
        }
    }

    private func run(_ arguments: [String]) throws -> Int32 {
        let pid = try Spawn.start(
            [
                "/usr/sbin/gluster", "--mode=script", "--glusterd-sock=\(folder.path)/glusterd.socket",
                "--log-file=\(folder.path)/cli.log",
            ] + arguments, environment: [], log: folder.appending("cli.out"), package: "glusterfs-cli")
        return Spawn.wait(pid)
    }

    private func waitUntilReady() throws {
        for _ in 0..<3_000 {
            guard Spawn.isRunning(process.pid) else { throw TgtFailure("glusterd ended: see \(folder.path)/log") }
            if access("\(folder.path)/glusterd.socket", F_OK) == 0, try run(["pool", "list"]) == 0 { return }
            usleep(10_000)
        }
        throw TgtFailure("glusterd isn't ready after 30 seconds: see \(folder.path)/glusterd.log")
    }
}

/// Ends what the pid files of a folder name when this process ends.
private final class LeashedReaper: Sendable {
    private let state: Mutex<(pid: pid_t, leash: FileDescriptor?)>

    init(folder: TemporaryFolder) throws {
        let (reading, writing) = try FileDescriptor.pipe()
        defer { try? reading.close() }  // the reaper has its own
        for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        // A number may be another process's by now: its arguments name the folder where it isn't.
        let script = """
            read -r line <&3
            for file in $(find "$0/run" -name '*.pid' 2>/dev/null); do
                read -r pid <"$file" || continue
                if tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$0"; then kill -KILL "$pid"; fi
            done
            rm -rf "$0"
            """
        do {
            let pid = try Spawn.start(
                ["/bin/sh", "-c", script, folder.path.string], environment: [], log: folder.appending("reaper.log"),
                passing: reading)
            state = Mutex((pid, writing))
        } catch {
            try? writing.close()  // the error is told already
            throw error
        }
    }

    deinit {
        end()
    }

    func end() {
        state.withLock { state in
            guard state.pid > 0 else { return }
            try? state.leash?.close()  // a pipe's end has nothing to lose
            state.leash = nil
            _ = Spawn.wait(state.pid)
            state.pid = 0
        }
    }

    static func pidFiles(in folder: TemporaryFolder) throws -> [FilePath] {
        let base = folder.appending("run").appending("vols")
        return try names(in: base).flatMap { volume in
            try names(in: base.appending(volume)).filter { $0.hasSuffix(".pid") }
                .map { base.appending(volume).appending($0) }
        }
    }

    private static func names(in folder: FilePath) throws -> [String] {
        guard let stream = opendir(folder.string) else { throw TgtFailure("no folder \(folder)") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
