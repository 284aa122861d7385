import SANModel

/// What takes back the steps done so far, the last one first.
package struct UndoList: Sendable {
    package typealias Step = @Sendable () async throws(StorageError) -> Void

    private var steps: [Step] = []

    package init() {}

    var isEmpty: Bool { steps.isEmpty }

    /// Notes how to take back what was just done.
    package mutating func append(_ step: @escaping Step) {
        steps.append(step)
    }

    /// Takes everything back, also when the caller is cancelled.
    ///
    /// - Returns: the original error, with each failure of an undo among its causes.
    package func run(after original: StorageError) async -> (error: StorageError, failures: [StorageError]) {
        let steps = steps
        // A task of its own that is awaited here: the caller's cancellation doesn't reach it.
        let failures = await Task {
            var failures: [StorageError] = []
            for step in steps.reversed() {
                do throws(StorageError) {
                    try await step()
                } catch {
                    failures.append(error)
                }
            }
            return failures
        }.value
        return (failures.reduce(original) { $0.adding(cause: $1) }, failures)
    }
}
