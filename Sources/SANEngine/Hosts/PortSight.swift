public import SANHost
public import SANModel

/// What a Fibre Channel port of this host sees: its link, its fabric, the targets, how many units.
public struct PortSight: Sendable, Hashable {
    public var port: FCHost
    /// The HBA that a virtual port is on.
    public var parent: FCHost?
    public var remotePorts: [FCRemotePort]
    public var units: [Unit]

    /// How far a unit is.
    public struct Unit: Sendable, Hashable {
        public var hctl: HCTL
        /// Whether a driver has made a disk of it and udev is through with that.
        public var isReady: Bool
    }

    /// - Returns: nil for a host that is no Fibre Channel port.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(number: UInt32, units: [SCSIUnit], on host: HostRoot) throws(StorageError) {
        guard let port = try FCHost(number: number, on: host) else { return nil }
        self.port = port
        parent = try port.virtual.flatMap { virtual throws(StorageError) in
            try FCHost(number: virtual.parent, on: host)
        }
        remotePorts = try FCRemotePort.all(ofHost: number, on: host)
        self.units = units.map { Unit(hctl: $0.hctl, isReady: $0.isSettled) }
    }

    public var targets: [FCRemotePort] { remotePorts.filter(\.isTarget) }

    /// Whether everything that can be expected is there: a login, a target, a unit, and nothing half done.
    public var isComplete: Bool {
        port.isLoggedIn && !units.isEmpty && units.allSatisfy(\.isReady)
            && targets.allSatisfy { !$0.isOnline || $0.isReady }
    }

    /// Whether more can come only when the link, the fabric or an array changes.
    public var isDown: Bool { !(parent ?? port).isLoggedIn }

    /// Why there are no units, or not all of them; nil where nothing is wrong.
    ///
    /// `busy` while something is still on its way, `unavailable` for what stays as it is until somebody changes it.
    public var problem: StorageError? {
        if let parent, !parent.isOnline {
            return unavailable("the link of \(parent.name) is \(parent.state.printable)")
        }
        if !port.isOnline { return unavailable("the port is \(port.state.printable)") }
        if let state = port.virtual?.state, state != "Active", !port.isLoggedIn {
            return unavailable("the virtual port is '\(state.printable)': the fabric hasn't let it in")
        }
        if !port.isLoggedIn { return unavailable("it isn't logged in to a fabric") }
        if let waiting = targets.first(where: { $0.isOnline && $0.targetID == nil }) {
            return busy("the target \(waiting.portName) has no number yet")
        }
        if let unready = units.first(where: { !$0.isReady }) {
            return busy("\(unready.hctl) is there, its disk isn't yet")
        }
        guard units.isEmpty else { return nil }
        if targets.isEmpty { return unavailable("the fabric shows it no target: see the zoning of \(port.portName)") }
        guard let online = targets.first(where: \.isOnline) else {
            return unavailable(
                "none of its targets is online: \(targets.map(\.portName.description).joined(separator: ", "))")
        }
        return unavailable("the target \(online.portName) gives it no LUN: see what the array gives \(port.portName)")
    }

    private func unavailable(_ reason: String) -> StorageError {
        let what = units.isEmpty ? "\(port.name) has no LUNs" : "The LUNs of \(port.name) may be out of reach"
        return StorageError(.unavailable, "\(what): \(reason)", subject: .host(port.name))
    }

    private func busy(_ reason: String) -> StorageError {
        StorageError(
            .busy, "\(port.name) is settling: \(reason); look again in a moment", subject: .host(port.name))
    }
}
