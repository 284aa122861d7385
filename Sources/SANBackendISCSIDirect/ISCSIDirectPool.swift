public import SANEngine
import SANHost
public import SANModel

/// An `iscsi-direct` pool, without a session of its own: each operation logs in and out.
public struct ISCSIDirectPool: ActivePool, VolumeInspection {
    let source: ISCSIDirectSource
    /// What every volume has in its path, and in its unit's.
    private let pathPrefix: String
    private let portal: String

    init(source: ISCSIDirectSource) {
        self.source = source
        portal = source.portal.description
        pathPrefix = "ip-\(source.portal)-iscsi-\(source.target)-lun-"
    }

    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let endpoint = try await source.endpoint(context.secrets)
        let deadline = context.deadline
        let result = try await ISCSISession.with(endpoint, until: deadline) { connection throws(StorageError) in
            try LUNScan.run(on: connection, until: deadline)
        }
        let volumes = result.reports.map { volume(of: $0) }
        let capacity = volumes.reduce(ByteCount(0)) { sum, volume in
            sum.adding(volume.definition.capacity ?? 0) ?? ByteCount(.max)
        }
        return PoolSnapshot(
            capacity: capacity, allocation: capacity, available: 0, volumes: volumes,
            problems: result.problems.map { Problem($0.about(.target, source.target.description)) })
    }

    /// Nothing is kept open, so there is nothing to close.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        .unchanged(())
    }

    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        let endpoint = try await source.endpoint(context.secrets)
        let deadline = context.deadline
        let lun = try ISCSIDirectPool.lun(of: volume)
        let reports = try await ISCSISession.with(endpoint, until: deadline) { connection throws(StorageError) in
            try LUNInterview.ask([lun], on: connection, until: deadline)
        }
        guard let report = reports.first else { throw StorageError(.notFound, "There is no LUN \(lun)") }
        return self.volume(of: report)
    }

    // MARK: Volumes

    /// The volume of a unit, by libvirt's names: `unit:0:0:N` and `ip-PORTAL-iscsi-IQN-lun-N`.
    func volume(of report: UnitReport) -> Volume {
        let name = "unit:0:0:\(report.lun)"
        let path = pathPrefix + report.lun.description
        var definition = VolumeDefinition(name: name, type: .network, capacity: report.capacity?.capacity ?? 0)
        definition.allocation = definition.capacity
        definition.key = path
        definition.target = VolumeTarget(path: path, format: .raw)
        let problems = report.problems.map { error in
            Problem(error.about(.volume, name).about(.target, source.target.description))
        }
        return Volume(definition, unit: report.logicalUnit(portal: portal), problems: problems)
    }

    /// The LUN of a listed volume.
    ///
    /// - Throws: `invalid_argument` for a volume that isn't a LUN of a pool of this type.
    static func lun(of volume: Volume) throws(StorageError) -> LogicalUnitNumber {
        guard let unit = volume.unit else {
            throw StorageError(
                .invalidArgument, "'\(volume.name.printable)' isn't a LUN: refresh the pool",
                subject: .volume(volume.name.printable))
        }
        return unit.lun
    }
}
