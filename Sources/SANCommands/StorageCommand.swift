import ArgumentParser
import SANModel

/// A verb.
protocol StorageCommand: AsyncParsableCommand {
    var globals: GlobalOptions { get }

    /// Does it. Prints nothing itself but progress and questions.
    func perform(in session: Session) async throws(StorageError) -> Report
}
