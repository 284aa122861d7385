public import SANEngine
import SANHost
public import SANModel

// The virtual port of a pool with an fc_host adapter: made at its start, deleted at its stop.
extension SCSIPool {
    /// What is noted of a port that this pool makes, before it makes it.
    private enum Note {
        static let wwpn = "vport_wwpn"
        static let wwnn = "vport_wwnn"
        static let parent = "vport_parent"
    }

    func createPort(
        _ adapter: PoolSource.FibreChannel, in context: OperationContext
    ) async throws(StorageError) -> Change<FCHost> {
        let pool = name
        let request = VirtualHBARequest(adapter)
        do throws(StorageError) {
            return try await hbas.create(
                request, coordinator: context.coordinator, until: context.deadline
            ) { parent throws(StorageError) in
                try await context.activations.save(
                    [
                        Note.wwpn: request.wwpn.description, Note.wwnn: request.wwnn.description,
                        Note.parent: parent.name,
                    ], pool: pool)
            }
        } catch {
            throw await forgetting(request, after: error, in: context)
        }
    }

    /// Takes the note back where the port isn't there, so that nobody takes one that somebody else makes later for ours.
    private func forgetting(
        _ request: VirtualHBARequest, after original: StorageError, in context: OperationContext
    ) async -> StorageError {
        do throws(StorageError) {
            let ports = try await hbas.ports(until: .after(.seconds(10)))
            // The note of a port that an earlier start left stays, as the port does.
            guard !ports.contains(where: { $0.portName == request.wwpn && $0.virtual != nil }) else { return original }
            try await context.activations.remove(pool: name)
            return original
        } catch {
            return original.adding(cause: error)
        }
    }

    /// Waits for the port's units.
    func settle(_ port: FCHost, in context: OperationContext) async throws(StorageError) {
        // The refresh that follows needs its share.
        try await Settling(hbas: hbas, pace: backend.pace)
            .run(port, coordinator: context.coordinator, until: context.deadline.part(2, of: 3))
    }

    /// Deletes a port that was just made, whatever becomes of the caller.
    func takeBack(
        _ adapter: PoolSource.FibreChannel, after original: StorageError, in context: OperationContext
    ) async -> StorageError {
        let (hbas, pool) = (hbas, name)
        return await Task {
            do throws(StorageError) {
                _ = try await hbas.delete(
                    wwnn: adapter.wwnn, wwpn: adapter.wwpn, coordinator: context.coordinator,
                    until: .after(context.patience))
                try await context.activations.remove(pool: pool)
                return original
            } catch {
                return original.adding(cause: error)
            }
        }.value
    }

    /// Deletes the virtual port where it is the pool's to delete; leaves a physical HBA as it is.
    ///
    /// `managed='no'` keeps the port. `managed='yes'` deletes it, also where it existed before. Without the attribute it is deleted where this
    /// pool has made it.
    ///
    /// - Throws: `busy` naming who uses which of its disks; as ``VirtualHBAs/delete(wwnn:wwpn:coordinator:until:)``.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        guard case .virtualPort(let port) = adapter else { return .unchanged(()) }
        var change = Change<Void>.unchanged(())
        if try isToDelete(port, in: context) {
            let scsiHost = try await scsiHost(until: context.deadline)
            if let scsiHost { try await hbas.release(scsiHost, until: context.deadline) }
            change = try await hbas.delete(
                wwnn: port.wwnn, wwpn: port.wwpn, coordinator: context.coordinator, until: context.deadline)
        }
        try await context.activations.remove(pool: name)
        return change
    }

    /// Whether the stop deletes the port: as the document says, else where this pool has made it.
    private func isToDelete(
        _ port: PoolSource.FibreChannel, in context: OperationContext
    ) throws(StorageError) -> Bool {
        if let managed = port.managed { return managed }
        return try context.activations.load(pool: name)?[Note.wwpn] == port.wwpn.description
    }

    /// The virtual port, where the stop would have deleted it.
    public func remains(in context: OperationContext) async throws(StorageError) -> String? {
        guard case .virtualPort(let port) = adapter, try isToDelete(port, in: context),
            let scsiHost = try await scsiHost(until: context.deadline)
        else { return nil }
        return
            "The vHBA '\(scsiHost.name)' stays. To end that once nobody uses its LUNs: 'sanctl vhba destroy \(port.wwpn)'"
    }
}
