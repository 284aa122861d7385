import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool stop POOL`.
struct PoolStop: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop a pool; its volumes stay as they are.", aliases: ["destroy"])

    @OptionGroup var target: PoolArgument
    @Flag(help: "Stop it even if something on the host can't be undone.")
    var force = false
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().stopPool(target.pool, force: force)
        return .change(change, done: "stopped", already: "was already inactive")
    }
}

/// The verb `pool refresh POOL`.
struct PoolRefresh: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "refresh", abstract: "Read a pool anew from the host.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let status = try await session.engine().refreshPool(target.pool)
        var report = Report(document: ["pool": status.json], notice: "Pool \(status.name) refreshed.")
        report.problems = status.warnings
        return report
    }
}

/// The verb `pool autostart POOL`.
struct PoolAutostart: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "autostart", abstract: "Mark a pool to be started at boot, or not.")

    @OptionGroup var target: PoolArgument
    @Flag(help: "Don't start it at boot any more.")
    var disable = false
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().setAutostart(ofPool: target.pool, to: !disable)
        let verdict = disable ? "not marked for autostart" : "marked for autostart"
        return .change(change, done: "is now \(verdict)", already: "was already \(verdict)")
    }
}

/// The verb `pool undefine POOL`.
struct PoolUndefine: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "undefine", abstract: "Forget the definition of an inactive pool.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().undefinePool(target.pool)
        return Report(
            document: ["changed": .bool(change.isChanged), "pool": ["name": .string(change.value)]],
            notice: "Pool \(change.value) " + (change.isChanged ? "undefined." : "was already undefined."))
    }
}
