import FoundationEssentials
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage

/// Plays open-iscsi and a target on a host of files: what iscsiadm's runs do to its database and to sysfs, and how they end.
///
/// Arguments, records and exit codes are those of open-iscsi 2.1.8 as seen in the kernel lab.
final class PlayedInitiator: CommandRunner {
    /// How a run for one portal ends.
    enum Answer: Sendable, Hashable {
        case up
        /// With this exit code.
        case status(Int32)
        /// Not before it is ended.
        case silent
        /// As the script says once it says something else.
        case late
    }

    struct Script: Sendable {
        /// The portals of the target, as discovery prints them: `10.0.0.1:3260,1`.
        var offered = ["10.0.0.1:3260,1", "10.0.0.2:3260,1"]
        var logins: [String: Answer] = [:]
        var discoveries: [String: Answer] = [:]
        /// Discovery asks for CHAP.
        var wantsDiscoverySecret = false
        var new: Answer = .up
        var logout: Answer = .up
        /// How the first logouts end, of an iscsid that was started anew.
        var earlyLogouts: [Int32] = []
        var luns: [UInt8] = [0, 1]
        /// What the LUNs through one portal are, where they aren't what the others lead to.
        var identities: [String: UInt8] = [:]
        var versions: [String: String] = [:]
        var isInstalled = true
        /// Lines that discovery prints besides.
        var noise = ""
    }

    static let target = "iqn.2003-01.org.example:t1"
    static let folder = "/etc/iscsi"
    /// What the kernel has of sockets: iscsid's is there.
    static let sockets = "/proc/net/unix"

    let tree: HostTree
    let events = ScriptedDeviceEvents()
    private let script: Mutex<Script>
    private let calls = Mutex<[[String]]>([])
    private let count = Mutex(0)

    init(_ script: Script, on tree: HostTree) throws {
        self.tree = tree
        self.script = Mutex(script)
        // Where its database is stands in the program.
        try tree.write(
            "/usr/sbin/iscsiadm", "\u{7F}ELF \(PlayedInitiator.folder)/nodes \(PlayedInitiator.folder)/ifaces")
        try tree.write(
            PlayedInitiator.sockets, "Num\n0000: 00000002 00000000 00010000 0001 01 12 @ISCSIADM_ABSTRACT_NAMESPACE")
        for name in ["/sys/class/iscsi_session", "/sys/bus/scsi/devices", "/sys/block", "/proc"] {
            try tree.makeFolder(name)
        }
    }

    /// The arguments of every run.
    var log: [[String]] { calls.withLock { $0 } }

    func change(_ body: (inout Script) -> Void) { script.withLock { body(&$0) } }

    func locate(_ tool: Tool) -> FilePath? {
        script.withLock { $0.isInstalled } ? FilePath(tree.folder.path.string + "/usr/sbin/iscsiadm") : nil
    }

    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        calls.withLock { $0.append([command.tool.name] + command.arguments) }
        let script = script.withLock { $0 }
        let arguments = Arguments(command.arguments)
        if arguments.has("--version") {
            let text = script.versions[command.tool.name].map { "\(command.tool.name) version \($0)\n" } ?? ""
            return CommandOutput(status: 0, output: Array(text.utf8))
        }
        let portal = arguments["--portal"] ?? ""
        let answer: Answer =
            switch (arguments["--mode"], arguments["--op"]) {
            case ("discoverydb", _): discovery(portal, script)
            case (_, "new"): script.new
            default:
                arguments.has("--logout")
                    ? logout() : script.logins[portal.split(separator: ",").first.map(String.init) ?? ""] ?? .up
            }
        return try await end(answer, arguments, portal, until: deadline)
    }

    private func end(
        _ answer: Answer, _ arguments: Arguments, _ portal: String, until deadline: Deadline
    ) async throws(StorageError) -> CommandOutput {
        let address = portal.split(separator: ",").first.map(String.init) ?? ""
        switch answer {
        case .late:
            while self.script.withLock({ $0.logins[address] }) == .late, !Task.isCancelled { await Task.yield() }
            if Task.isCancelled { throw StorageError(.cancelled, "iscsiadm was ended") }
            return try await end(self.script.withLock { $0.logins[address] } ?? .up, arguments, portal, until: deadline)
        case .status(let status):
            return CommandOutput(status: status, diagnostics: "iscsiadm: played failure\n")
        case .silent:
            if !arguments.has("--no_wait") { throw await Self.wait(until: deadline) }
            return CommandOutput(status: 0)
        case .up: return try play(arguments, self.script.withLock { $0 })
        }
    }

    private func logout() -> Answer {
        script.withLock { $0.earlyLogouts.isEmpty ? $0.logout : .status($0.earlyLogouts.removeFirst()) }
    }

    private func discovery(_ portal: String, _ script: Script) -> Answer {
        if let answer = script.discoveries[portal] { return answer }
        guard script.wantsDiscoverySecret else { return .up }
        let text = try? record("send_targets/\(portal.replacing(":", with: ","))/st_config")  // then there is no secret
        return text?.contains("discovery.sendtargets.auth.username = usr") == true ? .up : .status(24)
    }

    private static func wait(until deadline: Deadline) async -> StorageError {
        do {
            try await Task.sleep(until: deadline.instant, clock: .continuous)
            return StorageError(.timedOut, "iscsiadm took too long")
        } catch {
            return StorageError(.cancelled, "iscsiadm was ended")
        }
    }

    // MARK: What a run does

    private func play(_ arguments: Arguments, _ script: Script) throws(StorageError) -> CommandOutput {
        do {
            if arguments["--mode"] == "discoverydb" {
                let lines = script.offered.map { "\($0) \(PlayedInitiator.target)\n" }
                return CommandOutput(status: 0, output: Array((script.noise + lines.joined()).utf8))
            }
            let interface = arguments["--interface"] ?? "default"
            let portal = arguments["--portal"] ?? ""
            if arguments["--op"] == "new" {
                try makeRecord(portal, interface)
            } else if arguments.has("--logout") {
                let sessions = try ISCSISession.all(target: PlayedInitiator.target, on: tree.host)
                for session in sessions where session.interface == interface { try remove(session) }
            } else {
                try addSession(to: portal, interface: interface, script)
            }
            return CommandOutput(status: 0)
        } catch {
            throw StorageError(.hostFailure, "The played initiator failed: \(error)")
        }
    }

    private func makeRecord(_ portal: String, _ interface: String) throws {
        let name = portal.replacing(":", with: ",")
        let file = "nodes/\(PlayedInitiator.target)/\(name)/\(interface)"
        let template = """
            # BEGIN RECORD 2.1.8
            node.name = \(PlayedInitiator.target)
            node.tpgt = 1
            node.startup = automatic
            iface.iscsi_ifacename = \(interface)
            node.session.auth.authmethod = None
            node.session.auth.username = old
            node.session.auth.password = old
            node.conn[0].address = 0.0.0.0
            # END RECORD
            """
        try tree.write("\(PlayedInitiator.folder)/\(file)", template)
        try tree.link(
            "\(PlayedInitiator.folder)/static/\(PlayedInitiator.target),\(name),\(interface)",
            to: "\(PlayedInitiator.folder)/nodes/\(PlayedInitiator.target)/\(name)")
    }

    /// A session, with a unit for each LUN.
    func addSession(
        to portal: String, interface: String, _ script: Script? = nil,
        initiator: String = "iqn.2016-01.org.example:host"
    ) throws {
        let script = script ?? self.script.withLock { $0 }
        let number = count.withLock { count in
            count += 1
            return count
        }
        let address = portal.split(separator: ",").first.map(String.init) ?? portal
        let parts = address.split(separator: ":")
        let (host, session) = ("host\(number + 5)", "session\(number)")
        let folder = "/sys/devices/platform/\(host)/\(session)"
        for (name, value) in [
            ("targetname", PlayedInitiator.target), ("initiatorname", initiator), ("ifacename", interface),
            ("tpgt", "1"),
            ("state", "LOGGED_IN"),
        ] {
            try tree.write("\(folder)/iscsi_session/\(session)/\(name)", value)
        }
        let connection = "\(folder)/connection\(number):0/iscsi_connection/connection\(number):0"
        for (name, value) in [
            ("persistent_address", String(parts[0])), ("persistent_port", String(parts[1])),
            ("address", String(parts[0])),
            ("port", String(parts[1])),
        ] {
            try tree.write("\(connection)/\(name)", value)
        }
        let scsiHost = "/sys/devices/platform/\(host)/scsi_host/\(host)"
        try tree.write("\(scsiHost)/scan", "")
        try tree.link("/sys/class/scsi_host/\(host)", to: scsiHost)
        for lun in script.luns {
            let disk = "sd\(Character(UnicodeScalar(UInt8(96 + number))))\(Character(UnicodeScalar(UInt8(97 + lun))))"
            let identity = script.identities[address] ?? lun
            let unit = try tree.addDisk(
                disk, "8:\(number * 16 + Int(lun))", at: "\(number + 5):0:0:\(lun)", naa: SCSIAnswer.naa(identity),
                serial: "serial\(identity)", through: session)
            try tree.write("\(unit.folder.path)/delete", "")
            try tree.write(
                "/run/udev/data/b8:\(number * 16 + Int(lun))",
                "I:1\nS:disk/by-path/ip-\(address)-iscsi-\(PlayedInitiator.target)-lun-\(lun)")
            try tree.link(
                "/dev/disk/by-path/ip-\(address)-iscsi-\(PlayedInitiator.target)-lun-\(lun)", text: "../../\(disk)")
        }
        try tree.link("/sys/class/iscsi_session/\(session)", to: "\(folder)/iscsi_session/\(session)")
        events.post(added: "/devices/platform/\(host)/\(session)", in: "iscsi_session")
    }

    private func remove(_ session: ISCSISession) throws {
        for unit in try session.units() {
            try tree.remove("/sys/bus/scsi/devices/\(unit.hctl)")
            if let block = unit.block { try tree.remove("/sys/block/\(block.name)") }
        }
        try tree.remove("/sys/class/iscsi_session/session\(session.identifier)")
        try tree.remove(session.folder.path)
        events.post(DeviceEvent(action: "remove", subsystem: "iscsi_session", path: session.folder.path))
    }

    // MARK: The database

    /// Every file and link of open-iscsi's database, sorted.
    func database() throws -> [String] {
        let root = tree.folder.path.string + PlayedInitiator.folder
        // There is none before the first record.
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []  // see above
        return names.filter { name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(root)/\(name)")
            return attributes?[.type] as? FileAttributeType != .typeDirectory
        }.sorted()
    }

    func record(_ name: String) throws -> String {
        String(
            decoding: try Data(
                contentsOf: URL(filePath: "\(tree.folder.path.string)\(PlayedInitiator.folder)/\(name)")), as: UTF8.self
        )
    }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(tree.folder.path.string)\(PlayedInitiator.folder)/\(name)")[
            .posixPermissions]
            as? Int
    }

    /// What is left of sessions, by their interfaces.
    func sessions() throws -> [String] {
        try ISCSISession.all(target: PlayedInitiator.target, on: tree.host).map { $0.interface ?? "" }
    }
}

/// iscsiadm's arguments by name.
private struct Arguments {
    private let words: [String]

    init(_ words: [String]) {
        self.words = words
    }

    func has(_ name: String) -> Bool { words.contains(name) }

    subscript(name: String) -> String? {
        guard let index = words.firstIndex(of: name), index + 1 < words.count else { return nil }
        return words[index + 1]
    }
}
