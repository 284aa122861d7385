import CLinux
import Glibc
import SANHost
import SANModel
import SystemPackage

/// open-iscsi's database of this host: a folder of folders, `nodes/TARGET/ADDRESS,PORT,GROUP/INTERFACE`.
///
/// Records hold CHAP secrets, so they are written here, in files of mode 0600 below folders of 0700: there is no way to give iscsiadm one that
/// is neither an argument nor a variable. A record is put in place by renaming it from the top folder, which iscsiadm doesn't list.
struct RecordFolder: Sendable {
    let host: HostRoot
    /// `/etc/iscsi` or `/var/lib/iscsi`, as the host has it.
    let path: String

    /// Where distributions build it to be.
    static let candidates = ["/etc/iscsi", "/var/lib/iscsi"]  // built into the programs

    private static let programLimit = 64 << 20
    private static let recordLimit = 1 << 16

    /// The folder of this host: the one that is built into its iscsiadm.
    ///
    /// Both may exist (Debian has its configuration in one and may have had its database in the other), so it isn't guessed from that.
    ///
    /// - Parameter program: iscsiadm's path.
    /// - Throws: `permission_denied`, `host_failure`.
    static func locate(program: FilePath, on host: HostRoot) throws(StorageError) -> RecordFolder {
        if let image = try? LocalFile(program).read(limit: programLimit) {  // a link or a wrapper: see below
            for path in candidates where contains(image, "\(path)/nodes") {
                return RecordFolder(host: host, path: path)
            }
        }
        for path in candidates {
            if try LocalFile(try host.resolve("\(path)/nodes")).status() != nil {
                return RecordFolder(host: host, path: path)
            }
        }
        return RecordFolder(host: host, path: candidates[0])
    }

    /// Without the standard library's general search, which takes its time over a program's megabyte.
    private static func contains(_ image: [UInt8], _ text: String) -> Bool {
        let sought = Array(text.utf8)
        guard let first = sought.first, image.count >= sought.count else { return false }
        for start in 0...image.count - sought.count where image[start] == first {
            if image[start..<start + sought.count].elementsEqual(sought) { return true }
        }
        return false
    }

    // MARK: Interfaces

    /// Writes an interface of software iSCSI, with the initiator's name where it isn't the host's.
    func writeInterface(_ name: String, initiator: String?) throws(StorageError) {
        var lines = ["# BEGIN RECORD", "iface.iscsi_ifacename = \(name)", "iface.transport_name = tcp"]
        if let initiator { lines.append("iface.initiatorname = \(initiator)") }
        lines.append("# END RECORD")
        try write(Array((lines.joined(separator: "\n") + "\n").utf8), to: "ifaces/\(name)")
    }

    /// - Returns: whether there was one.
    func removeInterface(_ name: String) throws(StorageError) -> Bool {
        try LocalFile(try resolve("ifaces/\(name)")).remove()
    }

    // MARK: Nodes

    /// The record of a target's portal, as iscsiadm has just made it.
    ///
    /// - Throws: `not_found`, `host_failure`.
    func node(_ target: String, _ portal: TargetPortal, interface: String) throws(StorageError) -> NodeRecord {
        NodeRecord(try LocalFile(try resolve(Self.node(target, portal, interface))).read(limit: Self.recordLimit))
    }

    func writeNode(
        _ record: NodeRecord, _ target: String, _ portal: TargetPortal, interface: String
    ) throws(StorageError) {
        var bytes = record.bytes
        defer { wipe(&bytes) }
        try write(bytes, to: Self.node(target, portal, interface))
    }

    /// The portals that a target has records of for an interface.
    func portals(of target: String, interface: String) throws(StorageError) -> [TargetPortal] {
        var portals: [TargetPortal] = []
        for name in try LocalFolder(try resolve("nodes/\(target)")).names() {
            guard let portal = TargetPortal(recordName: name),
                try LocalFile(try resolve(Self.node(target, portal, interface))).status() != nil
            else { continue }
            portals.append(portal)
        }
        return portals
    }

    /// Notes in a portal's record that a login was asked for now.
    func noteLogin(_ target: String, _ portal: TargetPortal, interface: String) throws(StorageError) {
        try LocalFile(try resolve(Self.node(target, portal, interface))).touch()
    }

    /// How long ago a login to a portal was last asked for.
    ///
    /// - Returns: nil without a record, and for one of the future.
    func timeSinceLogin(
        _ target: String, _ portal: TargetPortal, interface: String
    ) throws(StorageError) -> Duration? {
        guard let status = try LocalFile(try resolve(Self.node(target, portal, interface))).status() else { return nil }
        let seconds = Int64(time(nil)) - status.modified
        return seconds < 0 ? nil : .seconds(seconds)
    }

    /// Removes a target's records for an interface, and the folders that are empty then.
    ///
    /// - Returns: how many there were.
    @discardableResult
    func removeNodes(of target: String, interface: String) throws(StorageError) -> Int {
        let portals = try portals(of: target, interface: interface)
        for portal in portals {
            try LocalFile(try resolve(Self.node(target, portal, interface))).remove()
            try removeEmptyFolder("nodes/\(target)/\(portal.recordName)")
            // iscsiadm makes a link to each record that it is asked to make.
            let link = "\(target),\(portal.recordName),\(interface)"
            try LocalFile(try resolve("static/\(link)")).remove()
        }
        try removeEmptyFolder("nodes/\(target)")
        return portals.count
    }

    private static func node(_ target: String, _ portal: TargetPortal, _ interface: String) -> String {
        "nodes/\(target)/\(portal.recordName)/\(interface)"
    }

    // MARK: Discovery

    /// The comment in records of discovery that were made here: one that a killed process left is replaced.
    static let discoveryMark = "# for one question of sanctl"

    /// Whether somebody else keeps a record of discovery at a portal; then it is theirs, and is used as it is.
    func hasDiscovery(_ portal: Portal) throws(StorageError) -> Bool {
        let file = LocalFile(try resolve("send_targets/\(portal.host),\(portal.port)/st_config"))
        guard try file.status() != nil else { return false }
        return try !file.read(limit: Self.recordLimit).contains(Array(Self.discoveryMark.utf8))
    }

    func writeDiscovery(_ record: NodeRecord, _ portal: Portal) throws(StorageError) {
        var bytes = record.bytes
        defer { wipe(&bytes) }
        try write(bytes, to: "send_targets/\(portal.host),\(portal.port)/st_config")
    }

    func removeDiscovery(_ portal: Portal) throws(StorageError) {
        try LocalFile(try resolve("send_targets/\(portal.host),\(portal.port)/st_config")).remove()
        try removeEmptyFolder("send_targets/\(portal.host),\(portal.port)")
    }

    // MARK: Files

    private func resolve(_ name: String) throws(StorageError) -> FilePath { try host.resolve("\(path)/\(name)") }

    private func write(_ bytes: [UInt8], to name: String) throws(StorageError) {
        let file = try resolve(name)
        // Each with mode 0700, whatever is missing, as iscsiadm makes them.
        var folder = try host.resolve(path)
        for part in name.split(separator: "/").dropLast() {
            folder = folder.appending(String(part))
            try LocalFolder(folder).create(mode: 0o700)
        }
        try AtomicFile(file, staging: try host.resolve(path)).write(bytes)
    }

    /// A folder that somebody has put something into stays.
    private func removeEmptyFolder(_ name: String) throws(StorageError) {
        let path = try resolve(name)
        guard unsafe rmdir(path.string) != 0 else { return }
        let error = Errno(rawValue: errno)
        guard error != .noSuchFileOrDirectory, error != .directoryNotEmpty, error != .fileExists else { return }
        throw StorageError.system(error, "remove", at: path)
    }

    private func wipe(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe explicit_bzero(start, buffer.count)
        }
    }
}

/// A portal of a target, with the group that it is in.
struct TargetPortal: Sendable, Hashable, CustomStringConvertible {
    let portal: Portal
    /// Signed: some targets have had -1 (L64).
    let group: Int32

    init(portal: Portal, group: Int32) {
        self.portal = portal
        self.group = group
    }

    /// `10.0.0.1,3260,1`; an IPv6 address has no brackets.
    init?(recordName: String) {
        let parts = recordName.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let port = UInt64(decimal: parts[1]).flatMap(UInt16.init(exactly:)),
            let group = Int32(parts[2])
        else { return nil }
        self.init(portal: Portal(host: String(parts[0]), port: port), group: group)
    }

    /// open-iscsi's folder of its records.
    var recordName: String { "\(portal.host),\(portal.port),\(group)" }

    var description: String { portal.description }
}
