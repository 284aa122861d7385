import SANEngine
import SANHost
import SANImages
import SANModel

extension GlusterPool {
    /// Fills a new volume with the bytes of another one, of any pool whose volumes can be read.
    ///
    /// - Throws: `unsupported` for a copy in another format than the origin's, and of an image that is only a part.
    func makeCopy(
        _ name: String, _ plan: CreationPlan, of origin: VolumeRequest.Origin, _ context: OperationContext
    ) async throws(StorageError) {
        let listed = origin.volume.definition
        guard let data = origin.pool as? any VolumeData else {
            throw refused(origin, "can't be read through its pool")
        }
        try requireSameKind(plan, origin)
        let source = source
        try await publish(name, plan, context) { file throws(StorageError) in
            let isFull = plan.definition.allocation.map { $0 >= plan.capacity ?? 0 } ?? true
            let count = try await VolumePump(volume: origin.volume, pool: data).run(in: context) {
                (source, context) async throws(StorageError) in
                try await GlusterAccess.transfer(file, size: .max, named: name)
                    .upload(try TransferEnd(source), TransferRequest(isSparse: true), length: nil, in: context)
            }.bytes
            // A guest may have changed the header since it was listed; in the copy it can't.
            try await call("the new file", context.renewed) { connected throws(StorageError) in
                var reader = GlusterReader(volume: connected, source: source)
                try reader.header(of: file, name, try file.status()).refuseExternalData(of: origin.volume)
            }
            guard case .raw = plan.kind else { return }
            let size = max(count, (plan.capacity ?? listed.capacity ?? 0).bytes)
            if size > count {
                try await call("the size", context.renewed) { _ throws(StorageError) in try file.truncate(to: size) }
            }
            if isFull { try await allocate(0..<size, of: file, context) }
        }
    }

    /// - Throws: `unsupported`.
    private func requireSameKind(_ plan: CreationPlan, _ origin: VolumeRequest.Origin) throws(StorageError) {
        let listed = origin.volume.definition
        let format = listed.target.format.map { ["iso", "unknown", "none"].contains($0) ? .raw : $0 } ?? .raw
        switch plan.kind {
        case .folder: throw refused(origin, "can't fill a folder")
        case .raw where format == .raw: return
        case .image, .copy:
            guard format == plan.format, plan.secret == nil,
                (plan.definition.target.compat ?? listed.target.compat) == listed.target.compat,
                (plan.definition.target.clusterSize ?? listed.target.clusterSize) == listed.target.clusterSize,
                (plan.definition.target.features ?? listed.target.features) == listed.target.features
            else { fallthrough }
            guard listed.backingStore == nil || (origin.pool as? GlusterPool)?.source == source else {
                throw refused(origin, "stands on a backing file, which its copy in another pool wouldn't find")
            }
            guard plan.backing == nil || plan.definition.backingStore?.path == listed.backingStore?.path else {
                throw refused(origin, "stands on another backing file: leave <backingStore> out")
            }
            guard (plan.capacity ?? 0) <= listed.capacity ?? 0 else {
                throw refused(origin, "keeps its capacity when it is copied as an image: leave the capacity out")
            }
        case .raw:
            throw refused(
                origin,
                "can be copied into a gluster pool in its own format only, \(format): 'qemu-img convert' makes others")
        }
    }

    private func refused(_ origin: VolumeRequest.Origin, _ why: String) -> StorageError {
        StorageError(
            .unsupported, "'\(origin.volume.name.printable)' \(why)", subject: .volume(origin.volume.name.printable))
    }
}
