import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool build POOL`.
struct PoolBuild: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Make the storage of an inactive pool: its folder, its label.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var building: BuildOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().buildPool(target.pool, mode: building.mode)
        return .change(change, done: "built", already: "was already built")
    }
}

/// The verb `pool delete POOL`.
struct PoolDelete: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Destroy the storage of an inactive pool, not its definition.",
        discussion: "Asks first on a terminal. A dir pool's folder is removed only when it is empty.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let status = try await engine.pool(target.pool)
        if session.console.isInteractive {
            try await session.confirm("Destroy the storage of pool \(status.name)?", confirmation)
        }
        let change = try await engine.deletePool(target.pool)
        return .change(change, done: "deleted", already: "had no storage to delete")
    }
}
