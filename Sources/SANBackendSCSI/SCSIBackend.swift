import SANBlockVolumes
public import SANEngine
import SANHost
public import SANModel

/// The `scsi` pool: the units behind one HBA of this host, or behind a virtual HBA that the pool has made for itself.
///
/// One pool is one SCSI host with all its targets. Starting a pool of a physical HBA changes nothing on the host; a pool with an `fc_host`
/// adapter makes a virtual port, unless it exists, and deletes it at its stop where it is the pool's to delete (``SCSIPool/deactivate(in:)``).
public struct SCSIBackend: StorageBackend {
    public static let type = PoolType.scsi

    let hbas: VirtualHBAs
    let pace: Settling.Pace
    let interview: any UnitInterviewing

    var host: HostRoot { hbas.host }

    public init(hbas: VirtualHBAs) {
        self.init(hbas: hbas, pace: .standard, interview: UnitInterview())
    }

    init(hbas: VirtualHBAs, pace: Settling.Pace, interview: any UnitInterviewing) {
        self.hbas = hbas
        self.pace = pace
        self.interview = interview
    }

    public func availability() async -> Availability {
        let host = host
        do throws(StorageError) {
            let hosts = try await withBlockingThread(
                named: "san-scsi", until: .after(.seconds(30)), waitingFor: "the SCSI hosts"
            ) { () throws(StorageError) in try SCSIHost.all(on: host) }
            guard hosts.isEmpty else { return Availability(isAvailable: true) }
            return Availability(
                isAvailable: false, reason: "this machine has no SCSI host: no HBA, or its driver isn't loaded")
        } catch {
            return Availability(isAvailable: false, reason: error.message)
        }
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        switch definition.source.adapter {
        case nil: throw StorageError(.invalidArgument, "Missing storage pool source adapter")
        case .scsiHost(let name):
            guard SCSIHostName(name) != nil else {
                throw StorageError(
                    .invalidArgument,
                    "Invalid adapter name '\(name.printable)' for SCSI pool: hostN or scsi_hostN is needed")
            }
        case .parentAddress: break
        case .fibreChannel(let port):
            guard let parent = port.parent else { break }
            guard SCSIHostName(parent) != nil else {
                throw StorageError(
                    .invalidArgument, "Parent '\(parent.printable)' is not properly formatted: scsi_hostN is needed")
            }
        }
        _ = try BlockVolumes(host: host, targetPath: definition.target?.path)
    }

    /// The pool where its host is there: that a machine has an HBA doesn't make a pool active, the engine's record does.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> SCSIPool? {
        let pool = try pool(of: definition)
        return try await pool.scsiHost(until: context.deadline) == nil ? nil : pool
    }

    /// - Throws: `not_found` for a host that isn't there, and as ``VirtualHBAs/create(_:coordinator:until:preparing:)``.
    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<SCSIPool> {
        let pool = try pool(of: definition)
        guard case .virtualPort(let port) = pool.adapter else {
            _ = try await pool.requiredHost(until: context.deadline)
            return .changed(pool)
        }
        let created = try await pool.createPort(port, in: context)
        do throws(StorageError) {
            try await pool.settle(created.value, in: context)
        } catch {
            guard created.isChanged else { throw error }
            throw await pool.takeBack(port, after: error, in: context)
        }
        return created.map { _ in pool }
    }

    private func pool(of definition: PoolDefinition) throws(StorageError) -> SCSIPool {
        try validate(definition)
        let adapter: SCSIPool.Adapter
        switch definition.source.adapter {
        case .scsiHost(let name): adapter = .named(name)
        case .parentAddress(let address, let uniqueID): adapter = .onFunction(address, uniqueID: uniqueID)
        case .fibreChannel(let port): adapter = .virtualPort(port)
        case nil: throw StorageError(.invalidArgument, "Missing storage pool source adapter")
        }
        return SCSIPool(
            name: definition.name, adapter: adapter,
            volumes: try BlockVolumes(host: host, targetPath: definition.target?.path, interview: interview),
            backend: self)
    }
}
