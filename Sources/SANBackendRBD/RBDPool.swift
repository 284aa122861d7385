public import SANEngine
import SANHost
public import SANModel

/// An `rbd` pool: its images are volumes.
public struct RBDPool: ActivePool, VolumeInspection {
    let source: RBDSource
    let connections: ClusterConnections
    /// Whether a volume's allocation is what its objects take; else it is the capacity.
    let showsUsage: Bool

    /// Names first, then all headers and object maps, 64 at a time.
    ///
    /// An image that can't be read is one volume with a problem. Sizes are the pool's as its clients count, not the cluster's.
    ///
    /// - Throws: `not_found` for a Ceph pool or namespace that isn't there, `authentication_failed`, `permission_denied`, `timed_out`,
    ///   `unavailable`, `backend_failure`.
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let (deadline, showsUsage) = (context.deadline, showsUsage)
        let (scan, seen, unread, times, rest) = try await withConnection(
            in: context, waitingFor: "the images of '\(source.place)'"
        ) { connection throws(StorageError) in
            let scan = ImageScan(connection: connection, deadline: deadline, wantsUsage: showsUsage)
            let (findings, unread, times) = try scan.run()
            var snapshot = PoolSnapshot(capacity: nil, allocation: nil, available: nil)
            snapshot.trashCount = try connection.trashCount()
            do throws(StorageError) {
                let usage = try connection.usage()
                snapshot.capacity = ByteCount(usage.capacity)
                snapshot.allocation = ByteCount(usage.allocation)
                snapshot.available = ByteCount(usage.available)
            } catch  where error.code != .timedOut && error.code != .unavailable {
                // The images can be used all the same, by a user who may not ask the monitors for instance.
                snapshot.problems.append(Problem(error))
            }
            return (scan, findings, unread, times, snapshot)
        }
        context.logger.debug("\(seen.count) images of '\(source.place)': \(times)")
        async let paths = scan.parentPaths(of: seen)
        let findings = await scan.read(unread, seen)
        var snapshot = rest
        snapshot.volumes = Self.volumes(findings, scan.connection, await paths)
        guard !Task.isCancelled else { throw StorageError(.cancelled, "The refresh was cancelled") }
        return snapshot
    }

    /// Nothing is left on the host; the connection closes.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        guard let ended = connections.forget(source) else { return .unchanged(()) }
        return .changed(try await ended.value().get())
    }

    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        let (deadline, showsUsage) = (context.deadline, showsUsage)
        return try await withConnection(in: context, waitingFor: "the image '\(volume.name.printable)'") {
            connection throws(StorageError) in
            let found: Volume
            do throws(StorageError) {
                found = try Self.read(volume.name, connection, until: deadline, showsUsage: showsUsage)
            } catch {
                throw try connection.whyMissing(volume, error)
            }
            guard volume.image == nil || volume.image == found.image else { throw OpenImage.isAnother(volume) }
            return found
        }
    }

    // MARK: Volumes

    /// One image, by what it is called.
    static func read(
        _ name: String, _ connection: ClusterConnection, until deadline: Deadline, showsUsage: Bool
    ) throws(StorageError) -> Volume {
        let image = try OpenImage(name, readOnly: true, connection)
        let id = try image.id()
        let scan = ImageScan(connection: connection, deadline: deadline, wantsUsage: showsUsage)
        let findings = try scan.findings(of: [ListedImage(name: name, id: id)])
        guard var volume = volumes(findings, connection, scan.parentPath(of: findings)).first else {
            throw StorageError(.notFound, "There is no image '\(name.printable)'", subject: .volume(name.printable))
        }
        // Format 1 has none.
        guard !id.isEmpty else { return volume }
        let (settings, isWhole) = try image.settings()
        volume.definition.imageSettings = settings
        if !isWhole {
            let error = StorageError(
                .unsupported, "The image '\(name.printable)' has more than 1 MiB of metadata: not all is shown",
                subject: .volume(name.printable))
            volume.problems.append(Problem(error))
        }
        return volume
    }

    private static func volumes(
        _ findings: [ImageScan.Finding], _ connection: ClusterConnection, _ paths: [ParentImage: String]
    ) -> [Volume] {
        findings.map { finding in
            var volume = volume(finding, connection)
            if let parent = finding.parent {
                let parent = ParentImage(parent)
                volume.parent = paths[parent] ?? parent.path(in: nil)
            }
            return volume
        }
    }

    /// By libvirt's names: key and path are `POOL/IMAGE`.
    private static func volume(_ finding: ImageScan.Finding, _ connection: ClusterConnection) -> Volume {
        let path = connection.source.path(of: finding.image.title)
        var definition = VolumeDefinition(name: finding.image.title, type: .network, capacity: 0)
        definition.key = path
        definition.target = VolumeTarget(path: path, format: .raw)
        definition.allocation = 0
        var volume = Volume(definition)
        volume.image = ImageIdentity(
            cluster: connection.fsid, pool: connection.poolID, namespace: connection.source.namespace,
            id: finding.image.id)
        switch finding.header {
        case .success(let header):
            let isLeft = finding.image.isLeftover
            let luks = describe(isLeft ? .failure(leftover(finding.image)) : finding.luks, in: &volume)
            let capacity = header.size - min(luks?.payload ?? 0, header.size)
            volume.definition.capacity = ByteCount(capacity)
            volume.definition.allocation = ByteCount(finding.usage ?? capacity)
            volume.isAllocationUncounted = finding.usage == nil
            volume.snapshots = header.snapshots
            if header.features.contains(.migrating) {
                volume.problems.append(Problem(OpenImage.isMigrating(finding.image.title)))
            }
        case .failure(let error):
            _ = describe(.failure(finding.image.isLeftover ? leftover(finding.image) : error), in: &volume)
        }
        return volume
    }

    private static func leftover(_ image: ListedImage) -> StorageError {
        let message =
            image.title == image.name
            ? "The image '\(image.name.printable)' is deleted in part, or is being deleted: delete it again"
            : """
            This is left of an image '\(image.name.printable)' that is deleted in part, or is being deleted, and isn't the one \
            that has its name by now: delete it by this name
            """
        return StorageError(.invalidState, message)
    }

    /// Tells how the image is encrypted, or what keeps that from being told.
    private static func describe(_ luks: Result<ImageLUKS?, StorageError>, in volume: inout Volume) -> ImageLUKS? {
        let shown = volume.name.printable
        switch luks {
        case .success(let luks):
            volume.definition.target.encryption = luks.map { EncryptionDefinition(format: $0.format) }
            guard luks?.format == .anyLUKS else { return luks }
            let error = StorageError(
                .unsupported,
                "The image '\(shown)' begins like LUKS, but its header can't be read: its whole size is shown",
                subject: .volume(shown))
            volume.problems.append(Problem(error))
            return luks
        case .failure(let error):
            volume.isEncryptionUnknown = true
            volume.problems.append(Problem(error.about(.volume, shown)))
            return nil
        }
    }

    // MARK: Threads

    /// Lends the pool's connection to a closure on a thread of its own, which is left behind at the deadline.
    func withConnection<Value: Sendable>(
        in context: OperationContext, waitingFor what: String,
        _ body: @escaping @Sendable (ClusterConnection) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let connection = try await connections.connection(to: source, in: context)
        do throws(StorageError) {
            return try await withBlockingThread(named: "san-rbd", until: context.deadline, waitingFor: what) {
                () throws(StorageError) in try body(connection)
            }
        } catch {
            // A client that is blocklisted, or whose cluster is gone, never recovers: the next operation connects anew.
            if error.code == .unavailable || error.code == .timedOut { connections.forget(source) }
            throw error
        }
    }
}
