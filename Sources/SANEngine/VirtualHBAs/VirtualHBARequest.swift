import SANHost
public import SANModel

/// A virtual port that is wanted: its names, and the HBA to make it on.
public struct VirtualHBARequest: Sendable, Hashable {
    public var wwnn: WWN
    public var wwpn: WWN
    /// Nil for the HBA with the most free virtual ports.
    public var parent: NodeDeviceDefinition.Parent?

    public init(wwnn: WWN, wwpn: WWN, parent: NodeDeviceDefinition.Parent? = nil) {
        self.wwnn = wwnn
        self.wwpn = wwpn
        self.parent = parent
    }

    /// What a pool's adapter asks for; of several ways to name the parent the most exact one counts, as for libvirt.
    public init(_ adapter: PoolSource.FibreChannel) {
        self.init(wwnn: adapter.wwnn, wwpn: adapter.wwpn)
        if let name = adapter.parent {
            parent = .name(name)
        } else if let wwnn = adapter.parentWWNN, let wwpn = adapter.parentWWPN {
            parent = .ports(wwnn: wwnn, wwpn: wwpn)
        } else if let fabric = adapter.parentFabricWWN {
            parent = .fabric(fabric)
        }
    }

    /// The HBA to make it on.
    ///
    /// - Throws: `not_found`, `unsupported` for one without NPIV, `unavailable` for one without a free virtual port.
    func chooseParent(among ports: [FCHost]) throws(StorageError) -> FCHost {
        guard let parent else { return try VirtualHBARequest.mostFree(among: ports) }
        let port = try parent.port(among: ports)
        if let reason = port.obstacle(needsLogin: false) {
            let code: StorageError.Code = port.slots == nil ? .unsupported : .unavailable
            throw StorageError(
                code, "\(port.name) can't have another virtual port: \(reason)", subject: .host(port.name))
        }
        return port
    }

    /// The port that is logged in and has the most free virtual ports, by number; the first of several.
    private static func mostFree(among ports: [FCHost]) throws(StorageError) -> FCHost {
        let physical = ports.filter { $0.virtual == nil }
        let able = physical.filter { $0.obstacle(needsLogin: true) == nil }
        if let best = able.max(by: { ($0.slots?.free ?? 0, $1.number) < ($1.slots?.free ?? 0, $0.number) }) {
            return best
        }
        let reasons = physical.map { "\($0.name): \($0.obstacle(needsLogin: true) ?? "")" }
        throw StorageError(
            .unavailable,
            physical.isEmpty
                ? "'parent' for vHBA not specified, and this machine has no Fibre Channel HBA"
                : "'parent' for vHBA not specified, and no HBA of this machine can have another one: "
                    + reasons.joined(separator: "; "))
    }
}

extension NodeDeviceDefinition.Parent {
    /// The physical port that is meant.
    ///
    /// - Throws: `not_found`; `invalid_argument` for a name that is no host's or is a virtual port's.
    func port(among ports: [FCHost]) throws(StorageError) -> FCHost {
        switch self {
        case .name(let name):
            guard let number = SCSIHostName(name)?.number else {
                throw StorageError(
                    .invalidArgument, "Parent '\(name.printable)' is not properly formatted: scsi_hostN is needed")
            }
            guard let port = ports.first(where: { $0.number == number }) else {
                throw StorageError(
                    .notFound,
                    "Parent '\(name.printable)' specified for vHBA does not exist, or is no Fibre Channel port",
                    subject: .host("scsi_host\(number)"))
            }
            guard port.virtual == nil else {
                throw StorageError(
                    .invalidArgument, "Parent '\(name.printable)' is a virtual port itself: name the HBA that it is on",
                    subject: .host(port.name))
            }
            return port
        case .ports(let wwnn, let wwpn):
            let match = ports.first { $0.virtual == nil && $0.nodeName == wwnn && $0.portName == wwpn }
            guard let match else {
                throw StorageError(
                    .notFound,
                    "Cannot find parent using provided wwnn/wwpn: no HBA of this machine has \(wwnn) and \(wwpn)")
            }
            return match
        case .fabric(let fabric):
            let matches = ports.filter { $0.virtual == nil && $0.slots != nil && $0.fabricName == fabric }
            let best = matches.max { ($0.slots?.free ?? 0, $1.number) < ($1.slots?.free ?? 0, $0.number) }
            guard let best else {
                throw StorageError(
                    .notFound,
                    "Cannot find parent using provided fabric_wwn: no HBA of this machine that knows NPIV is in \(fabric)"
                )
            }
            return best
        }
    }
}

extension FCHost {
    /// Why no virtual port can be made on this one; nil where one can.
    ///
    /// - Parameter needsLogin: whether the port must be logged in: it needn't where the administrator chose it.
    func obstacle(needsLogin: Bool) -> String? {
        guard let slots else { return "its driver or its firmware knows no NPIV" }
        if slots.free == 0 { return "\(slots.inUse) of \(slots.maximum) virtual ports are in use" }
        guard needsLogin, !isLoggedIn else { return nil }
        return isOnline ? "it isn't logged in to a fabric" : "it is \(state.printable)"
    }
}
