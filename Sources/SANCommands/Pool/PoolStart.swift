import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool start POOL`, and `pool start --autostart` for what boot runs.
struct PoolStart: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a pool, or all that are marked so.")

    @Argument(help: "The pool's name or UUID.", completion: .custom(CompletionContext.pools))
    var pool: String?

    @Flag(help: "Start every pool that is marked for it: what boot runs.")
    var autostart = false

    @Flag(help: "Build the pool's storage first.")
    var build = false

    @OptionGroup var building: BuildOptions
    @OptionGroup var globals: GlobalOptions

    func validate() throws {
        guard (pool == nil) == autostart else { throw ValidationError("Either POOL or --autostart is needed") }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        guard let pool else { return .started(try await engine.startAutostartedPools()) }
        let change = try await engine.startPool(pool, building: building.mode(ifAsked: build))
        return .change(change, done: "started", already: "was already active")
    }
}

extension Report {
    /// Every pool's outcome; the first failure is the exit code.
    fileprivate static func started(_ outcomes: [AutostartOutcome]) -> Report {
        let rows = outcomes.map { outcome -> [String?] in
            switch outcome.result {
            case .success(let change): [outcome.pool, change.isChanged ? "started" : "active", nil]
            case .failure(let error): [outcome.pool, "failed", error.message]
            }
        }
        let objects = outcomes.map { outcome -> JSONValue in
            var object: JSONObject = ["name": .string(outcome.pool)]
            switch outcome.result {
            case .success(let change):
                object["changed"] = .bool(change.isChanged)
                object["pool"] = change.value.json
            case .failure(let error): object["error"] = error.json
            }
            return .object(object)
        }
        var report = Report(
            .table(Table(columns: [.left("NAME"), .left("RESULT"), .left("ERROR", optional: true)], rows: rows)),
            document: ["pools": .array(objects)])
        for outcome in outcomes {
            guard case .failure(let error) = outcome.result else { continue }
            report.failure = error.about(.pool, outcome.pool)
            break
        }
        return report
    }
}
