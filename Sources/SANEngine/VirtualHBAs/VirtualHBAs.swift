public import SANHost
public import SANModel

/// Who uses a disk: ``DeviceUsers/of(_:)`` on a real host.
public typealias DeviceUserLookup = @Sendable (BlockDevice) throws(StorageError) -> [DeviceUse]

/// Makes and deletes virtual HBAs: Fibre Channel ports of their own on a physical port (N_Port ID virtualisation).
public struct VirtualHBAs: Sendable {
    public let host: HostRoot
    public let control: any HBAControl
    public let events: any DeviceEventSource
    let users: DeviceUserLookup
    let mapper: any DeviceMapperAccess

    /// - Parameters:
    ///   - users: tells who uses a disk, so that none is taken away from under somebody.
    ///   - mapper: takes multipath maps away whose paths all go.
    public init(
        host: HostRoot, control: any HBAControl, events: any DeviceEventSource, users: @escaping DeviceUserLookup,
        mapper: any DeviceMapperAccess
    ) {
        self.host = host
        self.control = control
        self.events = events
        self.users = users
        self.mapper = mapper
    }

    /// What tells that something happened to ports, what they see, and disks.
    public static let subsystems: Set<String> = [
        "block", "fc_host", "fc_remote_ports", "fc_vports", "scsi", "scsi_host",
    ]

    /// The ports of this host.
    ///
    /// - Throws: `permission_denied`, `host_failure`, `timed_out`, `cancelled`.
    public func ports(until deadline: Deadline) async throws(StorageError) -> [FCHost] {
        let host = host
        return try await withBlockingThread(named: "san-fc", until: deadline, waitingFor: "the Fibre Channel ports") {
            () throws(StorageError) in try FCHost.all(on: host)
        }
    }

    /// The virtual port that is asked for, where it exists.
    ///
    /// - Throws: `already_exists` where a physical HBA, or a port of another node, has the name; `invalid_argument` where it is on another HBA
    ///   than the request's.
    public func existing(_ request: VirtualHBARequest, among ports: [FCHost]) throws(StorageError) -> FCHost? {
        guard let port = ports.first(where: { $0.portName == request.wwpn }) else { return nil }
        guard let virtual = port.virtual else {
            throw StorageError(
                .alreadyExists,
                "The wwnn/wwpn for '\(port.name)' are assigned to an HBA: a vHBA needs names of its own",
                subject: .host(port.name))
        }
        guard port.nodeName == request.wwnn else {
            throw StorageError(
                .alreadyExists,
                "The port \(request.wwpn) exists as '\(port.name)' of the node \(port.nodeName), not of \(request.wwnn)",
                subject: .host(port.name))
        }
        if let wanted = try request.parent?.port(among: ports), wanted.number != virtual.parent {
            throw StorageError(
                .invalidArgument,
                "Parent '\(wanted.name)' does not match parent 'scsi_host\(virtual.parent)' that '\(port.name)' with this wwnn/wwpn is on",
                subject: .host(port.name))
        }
        return port
    }

    /// Makes a virtual port; one that is there already is taken as it is.
    ///
    /// It is there when this returns, and may not be logged in yet. Where it doesn't come it is deleted again.
    ///
    /// - Parameter preparing: called right before the host is changed, to note what will have to be undone.
    /// - Throws: `already_exists`, `invalid_argument`, `not_found`, `unsupported`, `unavailable`, `busy`, `permission_denied`, `backend_failure`,
    ///   `timed_out`, `cancelled`.
    public func create(
        _ request: VirtualHBARequest, coordinator: HostCoordinator, until deadline: Deadline,
        preparing: @Sendable (FCHost) async throws(StorageError) -> Void = { _ in }
    ) async throws(StorageError) -> Change<FCHost> {
        let portLock = try await coordinator.hold(.port(request.wwpn), for: "create a vHBA", until: deadline)
        defer { portLock.release() }
        let before = try await ports(until: deadline)
        if let port = try existing(request, among: before) { return .unchanged(port) }
        let chosen = try request.chooseParent(among: before)
        let hostLock = try await coordinator.hold(.scsiHost(chosen.number), for: "create a vHBA", until: deadline)
        defer { hostLock.release() }
        // Others may have taken its last virtual port while this waited.
        let now = try await ports(until: deadline)
        guard let parent = now.first(where: { $0.number == chosen.number && $0.portName == chosen.portName }) else {
            throw StorageError(.notFound, "\(chosen.name) has gone", subject: .host(chosen.name))
        }
        _ = try VirtualHBARequest(wwnn: request.wwnn, wwpn: request.wwpn, parent: .name(parent.name))
            .chooseParent(among: now)
        try await preparing(parent)
        try await write(request, on: parent, until: deadline)
        do throws(StorageError) {
            let host = host
            let port = try await events.wait(
                for: "the host of the virtual port \(request.wwpn)", in: Self.subsystems, until: deadline
            ) { () throws(StorageError) in
                try FCHost.all(on: host).first { $0.portName == request.wwpn && $0.virtual != nil }
            }
            return .changed(port)
        } catch {
            throw await undo(request, on: parent, after: error)
        }
    }

    private func write(
        _ request: VirtualHBARequest, on parent: FCHost, until deadline: Deadline
    ) async throws(StorageError) {
        let control = control
        try await withBlockingThread(
            named: "san-vport", until: deadline, waitingFor: "\(parent.name) to make the virtual port \(request.wwpn)"
        ) { () throws(StorageError) in
            try control.createVPort(wwpn: request.wwpn, wwnn: request.wwnn, on: parent)
        } abandoned: { _ in
            // It came after nobody waited any more. Where it can't be deleted, it is a vHBA that 'vhba list' shows.
            try? control.deleteVPort(wwpn: request.wwpn, wwnn: request.wwnn, on: parent)  // see above
        }
    }

    private func undo(
        _ request: VirtualHBARequest, on parent: FCHost, after original: StorageError
    ) async -> StorageError {
        let control = control
        do throws(StorageError) {
            try await withUninterruptedThread(named: "san-vport") { () throws(StorageError) in
                try control.deleteVPort(wwpn: request.wwpn, wwnn: request.wwnn, on: parent)
            }
            return original
        } catch {
            return original.adding(cause: error)
        }
    }

    /// Deletes a virtual port, and with it its SCSI host and disks; waits until they are gone.
    ///
    /// Whether they are in use is for ``release(_:until:)`` to tell.
    ///
    /// - Returns: unchanged where it is gone already.
    /// - Throws: `invalid_argument` for a physical HBA, `busy`, `permission_denied`, `backend_failure`, `timed_out`, `cancelled`.
    public func delete(
        wwnn: WWN, wwpn: WWN, coordinator: HostCoordinator, until deadline: Deadline
    ) async throws(StorageError) -> Change<Void> {
        let portLock = try await coordinator.hold(.port(wwpn), for: "delete a vHBA", until: deadline)
        defer { portLock.release() }
        let before = try await ports(until: deadline)
        guard let port = before.first(where: { $0.portName == wwpn && $0.nodeName == wwnn }) else {
            return .unchanged(())
        }
        guard let virtual = port.virtual else {
            throw StorageError(
                .invalidArgument, "'\(port.name)' is a physical HBA, which can't be deleted", subject: .host(port.name))
        }
        guard let parent = before.first(where: { $0.number == virtual.parent }) else {
            throw StorageError(
                .notFound, "The HBA scsi_host\(virtual.parent) that '\(port.name)' is on has gone",
                subject: .host(port.name))
        }
        let hostLock = try await coordinator.hold(.scsiHost(parent.number), for: "delete a vHBA", until: deadline)
        defer { hostLock.release() }
        let control = control
        try await withBlockingThread(
            named: "san-vport", until: deadline, waitingFor: "\(parent.name) to delete the virtual port \(wwpn)"
        ) { () throws(StorageError) in try control.deleteVPort(wwpn: wwpn, wwnn: wwnn, on: parent) }
        let host = host
        try await events.wait(
            for: "'\(port.name)' and its disks to go", in: Self.subsystems, until: deadline
        ) { () throws(StorageError) -> Void? in
            guard let left = try FCHost(number: port.number, on: host) else {
                return try SCSIUnit.all(ofHost: port.number, on: host).isEmpty ? () : nil
            }
            return left.portName == wwpn ? nil : ()
        }
        return .changed(())
    }
}
