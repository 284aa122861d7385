import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool start POOL`, and `pool start --autostart` for what boot runs.
struct PoolStart: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a pool, or all that are marked so.",
        discussion: "With --autostart the stored vHBAs that are marked so are made first.")

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
        guard let pool else {
            let hbas = try await engine.startAutostartedVirtualHBAs()
            return .started(try await engine.startAutostartedPools(), hbas)
        }
        let change = try await engine.startPool(pool, building: building.mode(ifAsked: build))
        return .change(change, done: "started", already: "was already active")
    }
}

extension Report {
    /// Every pool's outcome, below that of the vHBAs; the first failure is the exit code.
    fileprivate static func started(_ outcomes: [AutostartOutcome], _ hbas: [VirtualHBAOutcome]) -> Report {
        let rows =
            hbas.map(\.row)
            + outcomes.map { outcome -> [String?] in
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
            document: ["pools": .array(objects), "vhbas": .array(hbas.map(\.json))])
        report.failure = hbas.lazy.compactMap(\.failure).first
        for outcome in outcomes {
            guard case .failure(let error) = outcome.result else { continue }
            report.failure = report.failure ?? error.about(.pool, outcome.pool)
            break
        }
        return report
    }
}
