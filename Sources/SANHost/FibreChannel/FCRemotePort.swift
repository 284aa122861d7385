public import SANModel

/// A port of the fabric that one of this host's ports knows: `/sys/class/fc_remote_ports/rport-HOST:CHANNEL-N`.
public struct FCRemotePort: Sendable, Hashable {
    /// The kernel's name, `rport-8:0-1`.
    public let name: String
    public let host: UInt32
    public let channel: UInt32
    public var portName: WWN
    public var nodeName: WWN?
    /// `Online`, `Blocked`, `Not Present` and so on.
    public var state: String
    /// Whether it says that it is a target.
    public var isTarget: Bool
    /// The target's number on this host; nil where the port isn't bound to one, or not yet (L22b).
    public var targetID: UInt32?

    /// What a port of this host knows, by channel and number.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func all(ofHost number: UInt32, on host: HostRoot) throws(StorageError) -> [FCRemotePort] {
        let folder = SysfsFolder("/sys/class/fc_remote_ports", on: host)
        var ports: [FCRemotePort] = []
        for name in try folder.names() where name.hasPrefix("rport-\(number):") {
            guard let attributes = try folder.target(of: name), let port = try FCRemotePort(name, attributes) else {
                continue
            }
            ports.append(port)
        }
        return ports.sorted { ($0.channel, $0.portName) < ($1.channel, $1.portName) }
    }

    /// - Parameter attributes: the port's entry in its class.
    /// - Returns: nil for another name, and for a port that has gone.
    init?(_ name: String, _ attributes: SysfsFolder) throws(StorageError) {
        let parts = name.dropFirst("rport-".count).split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        guard name.hasPrefix("rport-"), parts.count == 3,
            let host = UInt64(decimal: parts[0]).flatMap(UInt32.init(exactly:)),
            let channel = UInt64(decimal: parts[1]).flatMap(UInt32.init(exactly:)),
            let portName = try attributes.wwn("port_name"), let state = try attributes.text("port_state")
        else { return nil }
        self.name = name
        self.host = host
        self.channel = channel
        self.portName = portName
        self.state = state
        nodeName = try attributes.wwn("node_name")
        isTarget = try attributes.text("roles")?.contains("FCP Target") ?? false
        // Read as text: -1 is no number of ours, and 4294967295 is how some kernels print it.
        targetID = try attributes.number("scsi_target_id").flatMap { UInt32(exactly: $0) }
            .flatMap { $0 == .max ? nil : $0 }
    }

    public var isOnline: Bool { state == "Online" }

    /// Whether there is something to scan: an online target with a number (L18, L22b).
    public var isReady: Bool { isTarget && isOnline && targetID != nil }
}
