import SANModel

extension StorageEngine {
    /// Has a pool make a volume, with a secret of its own where it is to be encrypted and names none.
    ///
    /// A creation that fails leaves no secret that was made for it.
    func create(
        _ request: VolumeRequest, in pool: any VolumeProvisioning, until deadline: Deadline,
        _ progress: any ProgressReporting
    ) async throws(StorageError) -> Change<Volume> {
        var request = try namingSecretAsOrigin(request)
        let secret = try await provideSecret(for: &request, in: pool, until: deadline)
        do throws(StorageError) {
            let wanted = request
            return try await pool.createVolume(wanted, in: context(until: deadline, progress: progress))
                .map { withEncryption(of: wanted, $0) }
        } catch {
            guard let secret else { throw error }
            guard error.code != .timedOut, await isAbsent(request.definition, pool) else {
                throw secretStore.keeping(secret, "the volume may be there", after: error)
            }
            throw await secretStore.withdraw(secret, after: error)
        }
    }

    /// Has a copy name its secret as its origin does: one may say its usage and the other its UUID, and backends compare what is said.
    private func namingSecretAsOrigin(_ request: VolumeRequest) throws(StorageError) -> VolumeRequest {
        var request = request
        guard let wanted = request.definition.target.encryption?.secrets, wanted.count == 1,
            let known = request.origin?.volume.definition.target.encryption?.secrets, known.count == 1,
            try secretStore.areSame(wanted[0], known[0], usage: .volume)
        else { return request }
        request.definition.target.encryption?.secrets = known
        return request
    }

    /// Whether a pool is sure that it has no such volume, also where the task was cancelled.
    private func isAbsent(_ definition: VolumeDefinition, _ pool: any VolumeProvisioning) async -> Bool {
        guard let pool = pool as? any VolumeInspection else { return false }
        do throws(StorageError) {
            _ = try await shielded { () async throws(StorageError) in
                try await pool.inspect(Volume(definition), in: self.context(until: self.newDeadline()))
            }
            return false
        } catch {
            return error.code == .notFound
        }
    }

    /// Names the secret of a volume that is to be encrypted with LUKS, where its document names none.
    ///
    /// A copy of an encrypted volume keeps its origin's.
    ///
    /// - Returns: the UUID of the secret that was made for it; nil where none was.
    private func provideSecret(
        for request: inout VolumeRequest, in pool: any VolumeProvisioning, until deadline: Deadline
    ) async throws(StorageError) -> StorageUUID? {
        guard let encryption = request.definition.target.encryption, encryption.format == .luks,
            encryption.secrets.isEmpty, request.origin?.volume.definition.target.encryption == nil,
            let pool = pool as? any VolumeEncryption
        else { return nil }
        let path = pool.path(ofNew: request.definition.name)
        let secret = try await secretStore.provide(forVolumeAt: path, until: deadline)
        request.definition.target.encryption?.secrets = [.uuid(secret.value)]
        return secret.isChanged ? secret.value : nil
    }

    /// The new volume with the secret that it was made with, which its header doesn't tell.
    func withEncryption(of request: VolumeRequest, _ volume: Volume) -> Volume {
        guard volume.definition.target.encryption?.secrets.isEmpty == true else { return volume }
        var volume = volume
        let asked = request.definition.target.encryption?.secrets ?? []
        let origin = request.origin?.volume.definition.target.encryption?.secrets ?? []
        volume.definition.target.encryption?.secrets = asked.isEmpty ? origin : asked
        return volume
    }

    /// Names the secrets of encrypted volumes whose headers were just read, as those don't tell them.
    ///
    /// The one that the very same volume had when it was listed before, as a secret of its path may be another volume's that had the name;
    /// else, as libvirt, that one whose usage is the volume's path.
    ///
    /// What couldn't be seen to be encrypted or not is what it was then.
    ///
    /// - Parameter known: the last list, which is asked for only where it is needed.
    func withSecrets(_ volumes: [Volume], formerly known: () -> [Volume]) -> [Volume] {
        let places = volumes.indices.filter {
            volumes[$0].isEncryptionUnknown || volumes[$0].definition.target.encryption?.secrets.isEmpty == true
        }
        guard !places.isEmpty else { return volumes }
        var found: [String: StorageUUID] = [:]
        do throws(StorageError) {
            found = try secretStore.uuids(ofVolumes: Set(places.map { volumes[$0].path }))
        } catch {
            configuration.logger.info("The secrets of encrypted volumes can't be looked up: \(error.message), ignoring")
        }
        var volumes = volumes
        var old: [String: Volume]?
        for place in places {
            let last = old ?? Dictionary(known().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            old = last
            let same = last[volumes[place].name].flatMap { $0.isSameImage(as: volumes[place]) ? $0 : nil }
            let encryption = same?.definition.target.encryption
            if volumes[place].isEncryptionUnknown { volumes[place].definition.target.encryption = encryption }
            if let secrets = encryption?.secrets, !secrets.isEmpty {
                volumes[place].definition.target.encryption?.secrets = secrets
            } else if let uuid = found[volumes[place].path] {
                volumes[place].definition.target.encryption?.secrets = [.uuid(uuid)]
            }
        }
        return volumes
    }

    func withSecret(_ volume: Volume, formerly known: Volume) -> Volume {
        withSecrets([volume]) { [known] }[0]
    }
}

extension Volume {
    /// Whether it is the very file or image, by more than its name.
    fileprivate func isSameImage(as other: Volume) -> Bool {
        if let file, let known = other.file { return file.isSame(as: known) }
        return image != nil && image == other.image
    }
}
