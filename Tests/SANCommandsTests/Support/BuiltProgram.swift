import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The `sanctl` that was built with these tests, run as a process of its own in private folders.
struct BuiltProgram {
    let folder: TemporaryFolder
    /// The folder of the build's products.
    let products: FilePath

    init() throws {
        folder = try TemporaryFolder()
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        let bundle = FilePath(String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        products = bundle.removingLastComponent()
        try #require(
            access(products.appending("sanctl").string, X_OK) == 0,
            "There is no sanctl beside the test bundle in \(products): build it with swift build --build-tests")
    }

    var environment: [String: String] {
        [
            "SANCTL": products.appending("sanctl").string, "SANCTL_CONFIG_DIR": folder.appending("etc").string,
            "SANCTL_STATE_DIR": folder.appending("lib").string, "SANCTL_RUNTIME_DIR": folder.appending("run").string,
            "FOLDER": folder.path.string, "HOME": folder.path.string,
        ]
    }

    /// Runs `sanctl` itself.
    func run(
        _ arguments: [String], input: String = "", environment extra: [String: String] = [:]
    ) async throws -> CommandOutput {
        try await SubprocessRunner(folders: [products]).run(
            Command(
                Tool(name: "sanctl", package: "sanctl"), arguments, input: Array(input.utf8),
                environment: environment.merging(extra) { _, own in own }),
            until: .after(.seconds(120)))
    }

    /// Runs a script of bash in which `$SANCTL` is the program and `$FOLDER` the test's own folder.
    func script(_ text: String) async throws -> CommandOutput {
        try await SubprocessRunner().run(
            Command(Tool(name: "bash", package: "bash"), ["-uc", text], environment: environment),
            until: .after(.seconds(120)))
    }
}

extension CommandOutput {
    var text: String { String(decoding: output, as: UTF8.self) }
}
