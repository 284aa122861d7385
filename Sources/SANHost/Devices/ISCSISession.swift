public import SANModel

/// An iSCSI session of the kernel, as sysfs describes it: whoever logged in, and through whichever driver.
public struct ISCSISession: Sendable, Hashable {
    /// The kernel's number of it, `SID` for iscsiadm.
    public let identifier: UInt32
    /// `/sys/devices/platform/host6/session1`.
    public let folder: SysfsFolder
    /// The SCSI host that the target's units are on; software iSCSI has one for each session.
    public let hostNumber: UInt32
    public var target: String
    /// The initiator's IQN.
    public var initiator: String?
    /// open-iscsi's name of the interface that it was made through.
    public var interface: String?
    /// The target portal group; signed, as some targets have had -1 (L64).
    public var portalGroup: Int32?
    /// `LOGGED_IN`, `FAILED` or `FREE`.
    public var state: String?
    public var connections: [Connection]

    public struct Connection: Sendable, Hashable {
        /// What was logged in to.
        public var persistent: Portal?
        /// Where a redirection led.
        public var current: Portal?
    }

    /// Every session, or those to one target, by their numbers.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func all(target: String? = nil, on host: HostRoot) throws(StorageError) -> [ISCSISession] {
        let sessions = SysfsFolder("/sys/class/iscsi_session", on: host)
        var found: [ISCSISession] = []
        for name in try sessions.names() {
            guard let session = try ISCSISession(name, in: sessions), target == nil || session.target == target else {
                continue
            }
            found.append(session)
        }
        return found.sorted { $0.identifier < $1.identifier }
    }

    /// - Returns: nil where the session is gone, or isn't up far enough to have a target.
    private init?(_ name: String, in sessions: SysfsFolder) throws(StorageError) {
        guard name.hasPrefix("session"), let number = UInt64(decimal: name.dropFirst(7)).flatMap(UInt32.init(exactly:)),
            let attributes = try sessions.target(of: name),
            let target = try ISCSISession.text("targetname", of: attributes)
        else { return nil }
        folder = attributes.parent.parent
        guard let host = folder.path.split(separator: "/").last(where: { SCSIHost.number(of: $0) != nil }),
            let hostNumber = SCSIHost.number(of: host)
        else { return nil }
        identifier = number
        self.hostNumber = hostNumber
        self.target = target
        initiator = try ISCSISession.text("initiatorname", of: attributes)
        interface = try ISCSISession.text("ifacename", of: attributes)
        portalGroup = try ISCSISession.text("tpgt", of: attributes).flatMap { Int32($0) }
        state = try ISCSISession.text("state", of: attributes)
        connections = []
        for name in try folder.names() where name.hasPrefix("connection") {
            let connection = folder[name]["iscsi_connection"][name]
            connections.append(
                Connection(
                    persistent: try ISCSISession.portal("persistent_address", "persistent_port", of: connection),
                    current: try ISCSISession.portal("address", "port", of: connection)))
        }
    }

    public var isLoggedIn: Bool { state == "LOGGED_IN" }

    /// The portal that the session goes through, by the address that was logged in to.
    public var portal: Portal? { connections.lazy.compactMap { $0.persistent ?? $0.current }.first }

    /// Whether the session goes through a portal (L27: by the address it was given and by the one it has).
    public func uses(_ portal: Portal) -> Bool {
        connections.contains { $0.persistent == portal || $0.current == portal }
    }

    /// The logical units of the session's target, sorted.
    public func units() throws(StorageError) -> [SCSIUnit] {
        // One that is gone by now is no unit of the target's.
        try mapOnThreads(unitFolders(), named: "san-units") { hctl, folder throws(StorageError) in
            try SCSIUnit(hctl, folder)
        }.compactMap(\.self)
    }

    /// Where the units of the session's target are, sorted, without reading what they are.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func unitFolders() throws(StorageError) -> [(hctl: HCTL, folder: SysfsFolder)] {
        // A hardware initiator has one SCSI host for all its sessions: the target's folder is below the session's.
        var units: [(hctl: HCTL, folder: SysfsFolder)] = []
        for name in try folder.names() where name.hasPrefix("target") {
            for entry in try folder[name].names() {
                if let hctl = HCTL(entry) { units.append((hctl, folder[name][entry])) }
            }
        }
        return units.sorted { $0.hctl < $1.hctl }
    }

    /// An attribute that may be unset, which drivers write in three ways.
    private static func text(_ name: String, of folder: SysfsFolder) throws(StorageError) -> String? {
        guard let text = try folder.text(name), !["", "<NULL>", "(null)"].contains(text) else { return nil }
        return text
    }

    private static func portal(
        _ address: String, _ port: String, of folder: SysfsFolder
    ) throws(StorageError) -> Portal? {
        guard let host = try text(address, of: folder),
            let port = try folder.number(port).flatMap({ UInt16(exactly: $0) })
        else { return nil }
        return Portal(host: host, port: port)
    }
}
