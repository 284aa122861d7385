import SANEngine
import SANModel

extension Report {
    /// One pool after a change: `{version, changed, pool}`.
    static func change(_ change: Change<PoolStatus>, done: String, already: String) -> Report {
        var report = Report(
            document: ["changed": .bool(change.isChanged), "pool": change.value.json],
            notice: "Pool \(change.value.name) " + (change.isChanged ? done : already) + ".")
        report.problems = change.value.warnings
        return report
    }

    /// One volume after a change: `{version, changed, volume}`.
    static func change(_ change: Change<LocatedVolume>, done: String, already: String) -> Report {
        let row = VolumeRow(change.value)
        var report = Report(
            document: ["changed": .bool(change.isChanged), "volume": row.json],
            notice: "Volume \(change.value.volume.name) " + (change.isChanged ? done : already) + ".")
        report.problems = row.warnings
        return report
    }

    /// One secret after a change: `{version, changed, secret}`.
    static func change(_ change: Change<SecretStatus>, done: String, already: String) -> Report {
        Report(
            document: ["changed": .bool(change.isChanged), "secret": change.value.json],
            notice: "Secret \(change.value.label) " + (change.isChanged ? done : already) + ".")
    }

    /// One vHBA after a change: `{version, changed, vhba}`.
    static func change(_ change: Change<VirtualHBAStatus>, done: String, already: String) -> Report {
        var report = Report(
            document: ["changed": .bool(change.isChanged), "vhba": change.value.json],
            notice: "vHBA \(change.value.name) " + (change.isChanged ? done : already) + ".")
        report.problems = change.value.problems
        return report
    }
}
