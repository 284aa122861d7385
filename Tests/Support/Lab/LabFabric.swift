public import SANModel
import Synchronization
import SystemPackage

/// A Fibre Channel fabric in software: a switch, and two hosts with PCI parents on it, one of which is a target of the kernel (LIO).
///
/// A port takes part once ``connect()`` has been called; give LUNs to those that are on the fabric from the start before.
public final class LabFabric: Sendable {
    /// The host that tests look at.
    public let host: LabFCHost
    /// The host whose port is the target; it is an `fc_host` too.
    public let target: LabFCHost
    private let lab: Lab
    private let targetGroup: FilePath
    private let switchLog: FilePath

    init(_ lab: Lab) async throws {
        self.lab = lab
        try await lab.load("fcoe", "target_core_mod", "tcm_fc", "8021q")
        host = try LabFCHost(nic: "0000:00:10.0", switchNIC: "0000:00:12.0")
        target = try LabFCHost(nic: "0000:00:11.0", switchNIC: "0000:00:13.0")
        switchLog = lab.folder.appending("fcfabric.log")
        targetGroup = LabPath.target.appending("fc").appending(LabFabric.spelled(target.wwpn)).appending("tpgt_1")
        lab.atEnd("The Fibre Channel target") { [targetGroup] in
            try LabFile.removeConfiguration(targetGroup.removingLastComponent())
        }
        // A port that is no target when it logs in to the fabric is none for its peers either.
        try LabFile.makeFolder(LabPath.target.appending("fc"))
        try LabFile.makeFolder(targetGroup)
    }

    /// Starts the switch, and has both hosts log in.
    public func connect() async throws {
        for name in [host, target].flatMap({ [$0.interface, $0.switchInterface] }) {
            // FCoE frames of full size are larger than Ethernet's 1500 bytes.
            try await lab.run("ip", "link", "set", name, "mtu", "2500", "promisc", "on", "up")
        }
        let script = try LabFabric.script()
        let pid = try Spawn.start(
            ["/usr/bin/python3", script.string, "-k", "2", host.switchInterface, target.switchInterface],
            environment: [], log: switchLog, package: "python3-minimal")
        lab.atEnd("The Fibre Channel switch") { [self] in
            Spawn.end(pid)
            for name in [host, target].flatMap({ [$0.interface, $0.switchInterface] }) {
                try await lab.run("ip", "link", "set", name, "down")
            }
        }
        for member in [target, host] {
            lab.atEnd("The Fibre Channel host on \(member.interface)") { [self] in try await remove(member) }
            try LabFile.set("/sys/bus/fcoe/ctlr_create", member.interface)
            guard let controller = member.controller else {
                throw LabFailure("No FCoE controller on \(member.interface)")
            }
            try LabFile.set(controller.appending("enabled"), "1")
        }
        try await waitForLogin(of: target)
        try await waitForLogin(of: host)
        try await lab.settle()
    }

    /// Waits until a host is logged in to the fabric.
    public func waitForLogin(of member: LabFCHost) async throws {
        try await lab.wait(for: "\(member.wwpn) to log in: see \(switchLog)") { member.isLoggedIn }
    }

    // MARK: LUNs

    /// Gives a disk to one port, a host's or a vport's.
    public func addLUN(_ number: Int, _ disk: LabDisk, to port: WWN) throws {
        let lun = targetGroup.appending("lun").appending("lun_\(LabFile.names(in: targetGroup.appending("lun")).count)")
        let mapped = targetGroup.appending("acls").appending(LabFabric.spelled(port)).appending("lun_\(number)")
        lab.atEnd("LUN \(number) of \(port)") {
            try LabFile.removeConfiguration(mapped)
            try LabFile.removeConfiguration(lun)
        }
        try LabFile.makeFolder(lun)
        try LabFile.link(lun.appending("disk"), to: disk.configuration)
        try LabFile.makeFolder(mapped)
        try LabFile.link(mapped.appending("lun"), to: lun)
    }

    /// Takes a LUN from a port while it may use it.
    public func removeLUN(_ number: Int, of port: WWN) throws {
        try LabFile.removeConfiguration(
            targetGroup.appending("acls").appending(LabFabric.spelled(port)).appending("lun_\(number)"))
    }

    // MARK: Vports

    /// Makes a vport of a host by hand, as an administrator does; it goes with the host if not before.
    ///
    /// - Returns: its SCSI host, as `host9`.
    @discardableResult
    public func createVport(_ wwpn: WWN, _ wwnn: WWN) async throws -> String {
        guard let folder = host.folder else { throw LabFailure("The fabric isn't connected") }
        try LabFile.set(folder.appending("vport_create"), "\(wwpn):\(wwnn)")
        try await lab.wait(for: "the vport \(wwpn)") { LabFabric.scsiHost(of: wwpn) != nil }
        guard let name = LabFabric.scsiHost(of: wwpn) else { throw LabFailure("The vport \(wwpn) is gone") }
        return name
    }

    public func deleteVport(_ wwpn: WWN, _ wwnn: WWN) async throws {
        guard let folder = host.folder else { return }
        try LabFile.set(folder.appending("vport_delete"), "\(wwpn):\(wwnn)")
        try await lab.wait(for: "the end of the vport \(wwpn)") { LabFabric.scsiHost(of: wwpn) == nil }
        try await lab.settle()
    }

    /// The SCSI host of a port, as `host9`, or nil where no host has its name.
    public static func scsiHost(of wwpn: WWN) -> String? {
        LabFile.names(in: "/sys/class/fc_host").first { name in
            // A vport may go while it is read.
            (try? LabFile.read(FilePath("/sys/class/fc_host/\(name)/port_name"))) == "0x\(wwpn)"
        }
    }

    // MARK: Cables

    /// Pulls a host's cable, or puts it back.
    public func setCable(of member: LabFCHost, isPlugged: Bool) async throws {
        try await lab.run("ip", "link", "set", member.interface, isPlugged ? "up" : "down")
    }

    // MARK: Below

    private func remove(_ member: LabFCHost) async throws {
        guard let controller = member.controller else { return }
        try LabFile.set(controller.appending("enabled"), "0")
        try LabFile.set("/sys/bus/fcoe/ctlr_destroy", member.interface)
        try await lab.wait(for: "the end of the host on \(member.interface)") { member.controller == nil }
        try await lab.settle()
    }

    /// As LIO spells a WWPN: `20:00:52:54:00:fc:01:01`.
    private static func spelled(_ name: WWN) -> String {
        let digits = Array(name.description)
        return stride(from: 0, to: digits.count, by: 2).map { String(digits[$0..<$0 + 2]) }.joined(separator: ":")
    }

    private static func script() throws -> FilePath {
        // Tests/Support/Lab/LabFabric.swift -> Tests/Lab/fcfabric.py
        let tests = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let script = tests.appending("Lab").appending("fcfabric.py")
        guard LabFile.exists(script) else { throw LabFailure("There is no \(script)") }
        return script
    }
}

extension Lab {
    /// A Fibre Channel fabric whose hosts aren't connected yet.
    public func fabric() async throws -> LabFabric { try await LabFabric(self) }
}
