public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A private `tgtd`, a user-space iSCSI target, on a loopback address and a port of its own; gone with the value.
///
/// Its control socket is in a private folder, so any number run side by side.
public final class TgtServer: Sendable {
    public let address: String
    public let port: UInt16
    public let folder: TemporaryFolder
    private let process: LeashedProcess

    /// - Parameter address: an address of this host; an IPv6 one without brackets.
    /// - Throws: what is missing: the package `tgt`, or a server that doesn't come up.
    public init(address: String = "127.0.0.1") throws {
        folder = try TemporaryFolder()
        self.address = address
        let host = address.contains(":") ? "[\(address)]" : address
        let program = "/usr/sbin/tgtd"
        var failure = TgtFailure("tgtd was never started")
        for _ in 0..<5 {
            let port = try FreePort.find(address)
            guard access(program, X_OK) == 0 else {
                throw TgtFailure("\(program) isn't there: install the package tgt")
            }
            let server = try LeashedProcess(
                [
                    program, "--foreground", "--control-port", "1", "--nr_iothreads", "1", "--iscsi",
                    "portal=\(host):\(port)",
                ],
                environment: ["TGT_IPC_SOCKET=\(folder.path)/socket"], log: folder.appending("log"))
            do {
                try TgtServer.waitUntilReady(server.pid, port: port, folder: folder)
                self.port = port
                process = server
                return
            } catch let error as TgtFailure {
                // Another process may have taken the port between the look and the start.
                server.end()
                failure = error
            }
        }
        throw failure
    }

    deinit {
        stop()
    }

    /// Ends the server at once; it ignores TERM, and KILL loses nothing that anybody wants.
    public func stop() {
        process.end()
    }

    /// Makes the server hang: it keeps its connections and answers nothing.
    public func pause() { process.signal(SIGSTOP) }

    public func resume() { process.signal(SIGCONT) }

    /// The portal, as documents write it.
    public var portal: String { (address.contains(":") ? "[\(address)]" : address) + ":\(port)" }

    // MARK: Targets

    public func addTarget(_ id: Int, _ iqn: String, isBound: Bool = true) throws {
        try administer("--op", "new", "--mode", "target", "--tid", "\(id)", "--targetname", iqn)
        if isBound {
            try administer("--op", "bind", "--mode", "target", "--tid", "\(id)", "--initiator-address", "ALL")
        }
    }

    /// Adds a LUN on a sparse file of its own.
    ///
    /// - Returns: the file.
    @discardableResult
    public func addLUN(_ lun: Int, of target: Int, size: UInt64, blockSize: Int? = nil) throws -> FilePath {
        let file = folder.appending("t\(target)-l\(lun).img")
        let descriptor = try FileDescriptor.open(
            file, .readWrite, options: .create, permissions: [.ownerReadWrite])
        try descriptor.closeAfter { try descriptor.resize(to: Int64(size)) }
        try addLUN(lun, of: target, file: file, blockSize: blockSize)
        return file
    }

    public func addLUN(_ lun: Int, of target: Int, file: FilePath, blockSize: Int? = nil) throws {
        var arguments = [
            "--op", "new", "--mode", "logicalunit", "--tid", "\(target)", "--lun", "\(lun)", "--backing-store",
            file.string,
        ]
        if let blockSize { arguments += ["--blocksize", "\(blockSize)"] }
        try administer(arguments)
    }

    public func removeLUN(_ lun: Int, of target: Int) throws {
        try administer("--op", "delete", "--mode", "logicalunit", "--tid", "\(target)", "--lun", "\(lun)")
    }

    /// Sets a parameter of a LUN: `online=0`, `readonly=1`, `scsi_sn=…`, `thin_provisioning=1`.
    public func update(_ lun: Int, of target: Int, _ parameters: String) throws {
        try administer(
            "--op", "update", "--mode", "logicalunit", "--tid", "\(target)", "--lun", "\(lun)", "--params", parameters)
    }

    /// Asks the initiators of a target for CHAP; `isOutgoing` is what the target answers with itself.
    public func addAccount(of target: Int, user: String, password: String, isOutgoing: Bool = false) throws {
        try administer("--op", "new", "--mode", "account", "--user", user, "--password", password)
        try administer(
            ["--op", "bind", "--mode", "account", "--tid", "\(target)", "--user", user]
                + (isOutgoing ? ["--outgoing"] : []))
    }

    /// Asks for CHAP in discovery sessions, which belong to no target.
    public func addDiscoveryAccount(user: String, password: String) throws {
        try administer("--op", "new", "--mode", "account", "--user", user, "--password", password)
        try administer("--op", "bind", "--mode", "account", "--user", user)
    }

    // MARK: Below

    private func administer(_ arguments: String...) throws { try administer(arguments) }

    private func administer(_ arguments: [String]) throws {
        guard try TgtServer.administer(arguments, folder: folder) else {
            throw TgtFailure("tgtadm \(arguments.joined(separator: " ")): see \(folder.path)/adm.log")
        }
    }

    private static func administer(_ arguments: [String], folder: TemporaryFolder) throws -> Bool {
        let pid = try Spawn.start(
            ["/usr/sbin/tgtadm", "--control-port", "1", "--lld", "iscsi"] + arguments,
            environment: ["TGT_IPC_SOCKET=\(folder.path)/socket"], log: folder.appending("adm.log"))
        return Spawn.wait(pid) == 0
    }

    /// tgtd listens on port 3260 of every address, without a word, where it can't have its own: look whose socket it is.
    private static func waitUntilReady(_ pid: pid_t, port: UInt16, folder: TemporaryFolder) throws {
        for _ in 0..<3_000 {
            guard Spawn.isRunning(pid) else { throw TgtFailure("tgtd ended: see \(folder.path)/log") }
            if try administer(["--op", "show", "--mode", "system"], folder: folder) {
                guard ListeningSockets.ports(of: pid).contains(port) else {
                    throw TgtFailure("tgtd doesn't listen on port \(port)")
                }
                return
            }
            usleep(10_000)
        }
        throw TgtFailure("tgtd isn't ready after 30 seconds")
    }
}

/// Why the fixture can't be had; says what is missing.
public struct TgtFailure: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
