import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Starts and ends the fixture's programs, by their ids.
enum Spawn {
    /// Starts a program in a session of its own, so that a time-out of the test run doesn't take it along.
    ///
    /// - Parameter passed: what it gets as its descriptor 3.
    static func start(
        _ arguments: [String], environment: [String], log: FilePath, package: String = "tgt",
        passing passed: FileDescriptor? = nil
    ) throws -> pid_t {
        guard access(arguments[0], X_OK) == 0 else {
            throw TgtFailure("\(arguments[0]) isn't there: install the package \(package)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log.string, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Nothing of the test run is inherited: a socket that stays open in tgtd would never be seen to close.
        if let passed { posix_spawn_file_actions_adddup2(&actions, passed.rawValue, 3) }
        for descriptor in Int32(passed == nil ? 3 : 4)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let newSession: Int16 = 0x80
        posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK))
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] =
            (environment + ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]).map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw TgtFailure("\(arguments[0]): \(Errno(rawValue: result))") }
        return pid
    }

    /// The exit code, or 128 plus the signal.
    static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    static func isRunning(_ pid: pid_t) -> Bool {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == 0
    }

    static func end(_ pid: pid_t) {
        _ = kill(pid, SIGKILL)
        _ = wait(pid)
    }
}

/// A port that nobody had a moment ago.
enum FreePort {
    static func find(_ address: String) throws -> UInt16 {
        let isIPv6 = address.contains(":")
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TgtFailure("no socket: \(Errno(rawValue: errno))") }
        defer { close(descriptor) }
        var storage = sockaddr_storage()
        let size = socklen_t(isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        let port = try withUnsafeMutablePointer(to: &storage) { storage in
            try storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                storage.pointee.ss_family = sa_family_t(isIPv6 ? AF_INET6 : AF_INET)
                let raw = UnsafeMutableRawPointer(storage)
                _ = inet_pton(isIPv6 ? AF_INET6 : AF_INET, address, raw + (isIPv6 ? 8 : 4))
                guard bind(descriptor, pointer, size) == 0 else {
                    throw TgtFailure("this host has no address \(address): \(Errno(rawValue: errno))")
                }
                var length = size
                getsockname(descriptor, pointer, &length)
                return UInt16(bigEndian: (raw + 2).load(as: UInt16.self))
            }
        }
        return port
    }
}

/// The TCP ports that a process listens on, by `/proc`.
enum ListeningSockets {
    static func ports(of pid: pid_t) -> Set<UInt16> {
        let inodes = Set(
            (0..<256).compactMap { number -> String? in
                var buffer = [CChar](repeating: 0, count: 64)
                guard readlink("/proc/\(pid)/fd/\(number)", &buffer, 63) > 0 else { return nil }
                let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                return text.hasPrefix("socket:[") ? String(text.dropFirst(8).dropLast()) : nil
            })
        var ports: Set<UInt16> = []
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in read(table).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", inodes.contains(String(fields[9])) else { continue }
                if let port = fields[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }) {
                    ports.insert(port)
                }
            }
        }
        return ports
    }

    private static func read(_ path: String) -> String {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return "" }  // no IPv6, no tcp6
        defer { try? file.close() }  // reading is over
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // An error is an end as good as any.
        while let count = try? chunk.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
            text += chunk.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
