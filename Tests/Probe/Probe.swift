import Logging
import SANEngine
import SANHost
import SANModel
import SANXML
import SystemPackage

/// A second process for tests: it works on the same folders, and can be killed.
///
/// usage: san-engine-probe define|cycle|start ROOT POOL [COUNT], copy FROM TO
@main
enum Probe {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else {
            print("usage: san-engine-probe define|cycle|start ROOT POOL [COUNT], copy FROM TO")
            return
        }
        if arguments[1] == "copy" { return try await copy(from: arguments[2], to: arguments[3]) }
        let root = FilePath(arguments[2])
        let name = arguments[3]
        let engine = StorageEngine(
            EngineConfiguration(
                configuration: root.appending("etc"), state: root.appending("lib"), runtime: root.appending("run"),
                volatile: root.appending("run"), host: HostRoot(root.appending("root")), commands: SubprocessRunner(),
                timeout: .seconds(60),
                logger: Logger(label: "probe", factory: { _ in SwiftLogNoOpLogHandler() })),
            backends: [ProbeBackend(root: root, isStuck: arguments[1] == "start")])
        switch arguments[1] {
        case "define": try await defineForever(engine, name)
        case "cycle": try await cycle(engine, name, count: arguments.count > 4 ? Int(arguments[4]) ?? 1 : 1)
        default: _ = try await engine.startPool(name)
        }
    }

    /// Has a program copy one file to another, as one that writes data.
    private static func copy(from origin: String, to target: String) async throws {
        let command = Command(
            Tool(name: "dd", package: "coreutils"), ["if=" + origin, "of=" + target, "bs=1"], isLeashed: true)
        try say("begins")
        let output = try await SubprocessRunner().run(command, until: .never)
        try say(output.status)
    }

    /// Writes a line at once: a pipe would buffer what is printed.
    static func say(_ line: some CustomStringConvertible) throws {
        try FileDescriptor.standardOutput.writeAll(Array("\(line)\n".utf8))
    }

    /// Redefines the pool with another path each time, one line for each, until it is killed.
    private static func defineForever(_ engine: StorageEngine, _ name: String) async throws {
        var round = 0
        while true {
            var definition = PoolDefinition(
                type: .directory, name: name, uuid: StorageUUID("11111111-2222-3333-4444-555555555555"))
            definition.target = PoolTarget(path: "/round/\(round)")
            _ = try await engine.definePool(definition)
            try say(round)
            round += 1
        }
    }

    /// Starts, refreshes and stops the pool; the backend notices when two do so at once.
    private static func cycle(_ engine: StorageEngine, _ name: String, count: Int) async throws {
        var changes = 0
        for _ in 0..<count {
            if try await engine.startPool(name).isChanged { changes += 1 }
            do throws(StorageError) {
                _ = try await engine.refreshPool(name)
            } catch {
                // The other process may have stopped it.
                guard error.code == .invalidState else { throw error }
            }
            if try await engine.stopPool(name).isChanged { changes += 1 }
        }
        try say(changes)
    }
}
