import SANHost
public import SANModel

// Virtual HBAs by themselves, without a pool.
extension StorageEngine {
    /// The virtual HBAs, and the physical ones that they can be on: the ports of this host by number, then the definitions that don't run.
    ///
    /// - Throws: `unavailable`, `permission_denied`, `host_failure`.
    public func virtualHBAs() async throws(StorageError) -> [VirtualHBAStatus] {
        let hbas = try requiredHBAs()
        let host = hbas.host
        let seen = try await withBlockingThread(
            named: "san-fc", until: newDeadline(), waitingFor: "the Fibre Channel ports"
        ) { () throws(StorageError) in
            var seen: [(port: FCHost, targets: [FCRemotePort])] = []
            for port in try FCHost.all(on: host) {
                seen.append((port, try FCRemotePort.all(ofHost: port.number, on: host).filter(\.isTarget)))
            }
            return seen
        }
        let pools = try virtualPortsOfPools()
        var stored = try storedVirtualHBAs()
        var result: [VirtualHBAStatus] = []
        for (port, targets) in seen {
            let index = stored.firstIndex { $0.wwpn == port.portName && port.virtual != nil }
            var status = index.map { stored.remove(at: $0) } ?? VirtualHBAStatus(name: port.name)
            status.port = port
            status.targets = targets
            status.pool = pools[port.portName]
            result.append(status)
        }
        return result + stored
    }

    /// The one of a name (`scsi_host10`, or its definition's) or WWPN; virsh's `WWNN,WWPN` is taken too.
    ///
    /// - Throws: `not_found`.
    public func virtualHBA(_ reference: String) async throws(StorageError) -> VirtualHBAStatus {
        let all = try await virtualHBAs()
        if let match = all.first(where: { $0.name == reference }) { return match }
        if let number = SCSIHostName(reference)?.number, let match = all.first(where: { $0.port?.number == number }) {
            return match
        }
        let names = reference.split(separator: ",", omittingEmptySubsequences: false)
        if names.count <= 2, let wwpn = names.last.flatMap({ WWN($0) }),
            let match = all.first(where: { $0.wwpn == wwpn && (names.count == 1 || $0.wwnn == WWN(names[0])) })
        {
            return match
        }
        throw StorageError(
            .notFound, "There is no vHBA '\(reference.printable)'; 'sanctl vhba list' shows what there is",
            subject: .host(reference.printable))
    }

    /// The document: as it runs, else as it is stored.
    ///
    /// - Throws: `not_found`, `host_failure`.
    public func definition(
        ofVirtualHBA reference: String, inactive: Bool = false
    ) async throws(StorageError) -> NodeDeviceDefinition {
        let status = try await virtualHBA(reference)
        if inactive {
            guard let definition = status.definition else { throw noDefinition(of: status) }
            return definition
        }
        if let port = status.port { return try NodeDeviceDefinition(describing: port) }
        guard let definition = status.definition else { throw noDefinition(of: status) }
        return definition
    }

    /// Makes a virtual HBA that isn't stored; names that the document leaves out are generated.
    ///
    /// - Returns: unchanged where it exists already.
    /// - Throws: `malformed_definition`, and as ``VirtualHBAs/create(_:coordinator:until:preparing:)``.
    public func createVirtualHBA(
        _ definition: NodeDeviceDefinition, format: WWN.Format = .registered
    ) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let named = try await completing(definition, format: format)
        return try await create(try request(named), until: newDeadline())
    }

    /// Makes the virtual HBA of a stored definition.
    ///
    /// - Throws: `not_found`, `invalid_state` for one that isn't stored, and as ``createVirtualHBA(_:format:)``.
    public func startVirtualHBA(_ reference: String) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let status = try await virtualHBA(reference)
        guard let definition = status.definition else { throw noDefinition(of: status) }
        return try await create(try request(definition), until: newDeadline())
    }

    /// Deletes a virtual HBA and its disks; its definition stays.
    ///
    /// - Returns: unchanged for one that isn't running.
    /// - Throws: `not_found`, `invalid_argument` for a physical HBA, `invalid_state` where a running pool has it, `busy` naming who uses its disks.
    public func destroyVirtualHBA(_ reference: String) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let deadline = newDeadline()
        var status = try await virtualHBA(reference)
        guard let port = status.port else { return .unchanged(status) }
        guard port.virtual != nil else {
            throw StorageError(
                .invalidArgument, "'\(port.name)' is a physical HBA, which can't be deleted", subject: .host(port.name))
        }
        if let pool = status.pool {
            throw StorageError(
                .invalidState,
                "The vHBA '\(status.name.printable)' belongs to pool '\(pool.printable)', which runs: stop the pool",
                subject: StorageError.Subject([.host: port.name, .pool: pool.printable]))
        }
        let hbas = try requiredHBAs()
        try await hbas.release(port.scsiHost, until: deadline)
        let change = try await hbas.delete(
            wwnn: port.nodeName, wwpn: port.portName, coordinator: coordinator, until: deadline)
        status.port = nil
        status.targets = []
        let left = status
        return change.map { left }
    }

    private func create(
        _ request: VirtualHBARequest, until deadline: Deadline
    ) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let hbas = try requiredHBAs()
        let change = try await hbas.create(request, coordinator: coordinator, until: deadline)
        if change.isChanged { try await hbas.awaitLogin(of: change.value, until: deadline) }
        let status = try await virtualHBA(request.wwpn.description)
        return change.map { _ in status }
    }

    func requiredHBAs() throws(StorageError) -> VirtualHBAs {
        guard let hbas else { throw StorageError(.unavailable, "This engine was made without access to HBAs") }
        return hbas
    }

    func request(_ definition: NodeDeviceDefinition) throws(StorageError) -> VirtualHBARequest {
        guard let names = definition.fibreChannel, let wwnn = names.wwnn, let wwpn = names.wwpn else {
            throw StorageError(
                .malformedDefinition,
                "A vHBA needs <capability type='scsi_host'><capability type='fc_host'> with <wwnn> and <wwpn>")
        }
        return VirtualHBARequest(wwnn: wwnn, wwpn: wwpn, parent: definition.parent)
    }

    func noDefinition(of status: VirtualHBAStatus) -> StorageError {
        StorageError(
            .invalidState, "'\(status.name.printable)' has no stored definition; store one with 'sanctl vhba define'",
            subject: .host(status.name.printable))
    }

    /// The virtual ports that running pools have, and their pools.
    private func virtualPortsOfPools() throws(StorageError) -> [WWN: String] {
        var pools: [WWN: String] = [:]
        for record in try records() where record.phase.state != .inactive {
            guard case .fibreChannel(let port) = record.definition?.source.adapter else { continue }
            pools[port.wwpn] = record.name
        }
        return pools
    }
}
