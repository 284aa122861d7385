import SANHost
public import SANModel

/// One stored virtual HBA's share of starting all that are marked.
public struct VirtualHBAOutcome: Sendable {
    public var name: String
    public var result: Result<Change<VirtualHBAStatus>, StorageError>
}

// The stored definitions of virtual HBAs, `<config>/vhba/NAME.xml`, and their autostart links beside them.
extension StorageEngine {
    /// The definitions, sorted by name the way people count; one that can't be read is listed with that problem.
    func storedVirtualHBAs() throws(StorageError) -> [VirtualHBAStatus] {
        var result: [VirtualHBAStatus] = []
        for name in try nodeDevices.names().sorted(by: { $0.precedesNaturally($1) }) {
            guard let stored = try nodeDevices.load(name) else { continue }
            var status = VirtualHBAStatus(name: name)
            status.definition = stored.definition
            status.isAutostarted = try nodeDevices.isAutostarted(name)
            if let error = stored.error { status.problems = [Problem(error)] }
            result.append(status)
        }
        return result
    }

    /// Stores a definition, or replaces the one of its name; names of the port that it leaves out are generated.
    ///
    /// A document without a name, or with a kernel's (`scsi_host5`, which another host has after the next boot), is stored as `vhba-WWPN`.
    ///
    /// - Throws: `malformed_definition`, `invalid_argument` for a bad name, `already_exists` where another definition or a physical HBA has the
    ///   port's name, `invalid_state` where a broken file is in the way.
    public func defineVirtualHBA(
        _ definition: NodeDeviceDefinition, format: WWN.Format = .registered
    ) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let lock = try await locks.acquire(.virtualHBAs, .exclusive, for: "define", until: newDeadline())
        defer { lock.release() }
        let named = try await completing(definition, format: format)
        let wanted = try request(named)
        let name = try Self.storedName(of: named, wanted)
        for other in try storedVirtualHBAs() {
            if other.name == name, let problem = other.problems.first {
                throw StorageError(
                    .invalidState,
                    "The stored definition of vHBA '\(name)' can't be read and isn't overwritten; undefine it first",
                    subject: .host(name),
                    causes: [StorageError(problem.code, problem.message, subject: problem.subject)])
            }
            guard other.name != name, other.wwpn == wanted.wwpn else { continue }
            throw StorageError(
                .alreadyExists, "The vHBA '\(other.name.printable)' is already defined with wwpn \(wanted.wwpn)",
                subject: .host(other.name.printable))
        }
        if let port = try await requiredHBAs().ports(until: newDeadline()).first(where: {
            $0.portName == wanted.wwpn && $0.virtual == nil
        }) {
            throw StorageError(
                .alreadyExists, "The wwpn \(wanted.wwpn) is that of the HBA '\(port.name)'", subject: .host(port.name))
        }
        var new = NodeDeviceDefinition(name: name, parent: named.parent)
        new.foreign = named.foreign
        new.scsiHost = NodeDeviceDefinition.SCSIHost(
            fibreChannel: NodeDeviceDefinition.FibreChannel(wwnn: wanted.wwnn, wwpn: wanted.wwpn))
        new.scsiHost?.foreign = named.scsiHost?.foreign ?? ForeignContent()
        if try nodeDevices.load(name)?.definition == new { return .unchanged(try await virtualHBA(name)) }
        let (store, document) = (nodeDevices, new)
        try await withUninterruptedThread(named: "san-define") { () throws(StorageError) in try store.save(document) }
        return .changed(try await virtualHBA(name))
    }

    /// Forgets a definition and its autostart mark; a vHBA that runs goes on until it is destroyed.
    ///
    /// - Returns: the name.
    /// - Throws: `not_found`, `invalid_state` for one that isn't stored.
    public func undefineVirtualHBA(_ reference: String) async throws(StorageError) -> Change<String> {
        let lock = try await locks.acquire(.virtualHBAs, .exclusive, for: "undefine", until: newDeadline())
        defer { lock.release() }
        let name = try await storedName(of: reference)
        let store = nodeDevices
        try await withUninterruptedThread(named: "san-undefine") { () throws(StorageError) in try store.remove(name) }
        return .changed(name)
    }

    /// Marks a stored vHBA to be made at boot, or takes the mark away.
    ///
    /// - Throws: `not_found`, `invalid_state` for one that isn't stored.
    public func setAutostart(
        ofVirtualHBA reference: String, to isOn: Bool
    ) async throws(StorageError) -> Change<VirtualHBAStatus> {
        let lock = try await locks.acquire(.virtualHBAs, .exclusive, for: "autostart", until: newDeadline())
        defer { lock.release() }
        let name = try await storedName(of: reference)
        var status = try await virtualHBA(name)
        if status.isAutostarted == isOn { return .unchanged(status) }
        let store = nodeDevices
        try await withUninterruptedThread(named: "san-autostart") { () throws(StorageError) in
            try store.setAutostart(name, to: isOn)
        }
        status.isAutostarted = isOn
        return .changed(status)
    }

    /// Makes every vHBA that is marked so, one after the other; one that fails doesn't stop the others.
    ///
    /// At boot an HBA may still be logging in: that is waited for.
    ///
    /// - Returns: one outcome for each mark, sorted by name.
    /// - Throws: `permission_denied`, `host_failure` where the marks can't be read.
    public func startAutostartedVirtualHBAs() async throws(StorageError) -> [VirtualHBAOutcome] {
        var outcomes: [VirtualHBAOutcome] = []
        for name in try nodeDevices.autostarted().sorted(by: { $0.precedesNaturally($1) }) {
            do throws(StorageError) {
                outcomes.append(VirtualHBAOutcome(name: name, result: .success(try await startMarkedVirtualHBA(name))))
            } catch {
                outcomes.append(VirtualHBAOutcome(name: name, result: .failure(error.about(.host, name.printable))))
            }
        }
        return outcomes
    }

    private func startMarkedVirtualHBA(_ name: String) async throws(StorageError) -> Change<VirtualHBAStatus> {
        guard let stored = try nodeDevices.load(name) else {
            throw StorageError(.notFound, "There is no definition of vHBA '\(name.printable)' any more")
        }
        guard let definition = stored.definition else {
            throw stored.error ?? noDefinition(of: VirtualHBAStatus(name: name))
        }
        try await requiredHBAs().awaitParent(of: try request(definition), until: newDeadline())
        return try await startVirtualHBA(name)
    }

    private func storedName(of reference: String) async throws(StorageError) -> String {
        // A broken definition can be undefined too, where there is nothing to read of HBAs.
        if try nodeDevices.names().contains(reference) { return reference }
        let status = try await virtualHBA(reference)
        guard status.definition != nil else { throw noDefinition(of: status) }
        return status.name
    }

    private static func storedName(
        of definition: NodeDeviceDefinition, _ request: VirtualHBARequest
    ) throws(StorageError) -> String {
        guard let name = definition.name, SCSIHostName(name) == nil else { return "vhba-\(request.wwpn)" }
        let isPlain = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
                || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 64, WWN(name) == nil else {
            throw StorageError(
                .invalidArgument,
                "'\(name.printable)' can't name a vHBA: up to 64 letters, digits, '-', '_' and '.' can, and a WWPN can't"
            )
        }
        return name
    }

    /// The document with the names that it leaves out, which no port here has and no definition.
    func completing(
        _ definition: NodeDeviceDefinition, format: WWN.Format
    ) async throws(StorageError) -> NodeDeviceDefinition {
        guard var names = definition.scsiHost?.fibreChannel else {
            throw StorageError(
                .malformedDefinition,
                "A vHBA needs <capability type='scsi_host'> with <capability type='fc_host'> in it, which may be empty")
        }
        guard names.wwnn == nil || names.wwpn == nil else { return definition }
        let hbas = try requiredHBAs()
        let ports = try await hbas.ports(until: newDeadline())
        let host = hbas.host
        let remote = try await withBlockingThread(
            named: "san-fc", until: newDeadline(), waitingFor: "the ports of the fabric"
        ) { () throws(StorageError) in
            var remote: [FCRemotePort] = []
            for port in ports { remote += try FCRemotePort.all(ofHost: port.number, on: host) }
            return remote
        }
        var taken = Set(
            ports.flatMap { [$0.portName, $0.nodeName] }
                + remote.flatMap { [$0.portName, $0.nodeName].compactMap(\.self) })
        for stored in try storedVirtualHBAs() { taken.formUnion([stored.wwnn, stored.wwpn].compactMap(\.self)) }
        taken.formUnion([names.wwnn, names.wwpn].compactMap(\.self))
        var generator = SystemRandomNumberGenerator()
        if names.wwnn == nil { names.wwnn = .generated(format, avoiding: taken, using: &generator) }
        taken.formUnion([names.wwnn].compactMap(\.self))
        if names.wwpn == nil { names.wwpn = .generated(format, avoiding: taken, using: &generator) }
        var completed = definition
        completed.scsiHost?.fibreChannel = names
        return completed
    }
}
