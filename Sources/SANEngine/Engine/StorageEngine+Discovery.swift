public import SANModel

extension StorageEngine {
    /// Asks a server what pools could be made of it.
    ///
    /// - Throws: `unsupported` for a type that can't ask, `unavailable`, `timed_out`, and what the backend throws.
    public func discoverSources(
        type: PoolType, query: PoolSource
    ) async throws(StorageError) -> [PoolSource] {
        let deadline = newDeadline()
        guard let backend = try await availableBackend(of: type, until: deadline) as? any SourceDiscovery else {
            throw StorageError(
                .unsupported,
                "Pool type '\(type)' does not support source discovery; 'sanctl pool capabilities' shows which types do"
            )
        }
        let context = context(until: deadline)
        return try await withDeadline(deadline, waitingFor: "the sources of type '\(type)'") {
            () async throws(StorageError) in try await backend.discoverSources(query, in: context)
        }
    }

    /// Each of the types: whether it can be used here, and what its pools can do.
    public func capabilities() async -> [BackendCapabilities] {
        var capabilities: [BackendCapabilities] = []
        for type in PoolType.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let backend = backends[type] else {
                let missing = Availability(isAvailable: false, reason: "this sanctl has no backend for it")
                capabilities.append(BackendCapabilities(type: type, availability: missing, operations: []))
                continue
            }
            capabilities.append(
                BackendCapabilities(
                    type: type, availability: await availability(of: backend), operations: backend.operations))
        }
        return capabilities
    }

    private func availability(of backend: any StorageBackend) async -> Availability {
        do throws(StorageError) {
            return try await withDeadline(newDeadline(), waitingFor: "the check of what it needs") {
                () async throws(StorageError) in await backend.availability()
            }
        } catch {
            return Availability(isAvailable: false, reason: error.message)
        }
    }
}
