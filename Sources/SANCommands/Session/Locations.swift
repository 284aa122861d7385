import SANModel
import SystemPackage

/// Where sanctl keeps what: from the options, else the environment, else the defaults for root or for an ordinary user.
struct Locations: Sendable, Hashable {
    var configuration: FilePath
    var state: FilePath
    var runtime: FilePath
    /// In memory, for what must never reach a disk.
    var volatile: FilePath
    var hostRoot: FilePath

    /// What the command line said; nil where it said nothing.
    struct Choice: Sendable, Hashable {
        var configuration: String?
        var state: String?
        var runtime: String?
        var hostRoot: String?
    }

    /// Who runs sanctl, and where from.
    struct User: Sendable, Hashable {
        var isRoot: Bool
        var id: UInt32
        /// Nil where it is gone: relative folders make no sense then.
        var workingDirectory: FilePath?

        fileprivate func absolute(_ path: String) throws(StorageError) -> FilePath {
            let path = FilePath(path)
            if path.isAbsolute { return path.lexicallyNormalized() }
            guard let workingDirectory else {
                throw StorageError(
                    .invalidArgument,
                    "The working directory is gone: give \(path.string.printable) as an absolute path",
                    subject: .path(path.string))
            }
            return workingDirectory.pushing(path).lexicallyNormalized()
        }
    }

    /// An ordinary user's runtime folder doesn't depend on `XDG_RUNTIME_DIR`: a login shell has it, cron has not, and both must meet at the same locks.
    ///
    /// - Throws: `invalid_argument` for an empty folder name, and for an ordinary user without `HOME` where it is needed.
    init(_ choice: Choice, environment: [String: String], user: User) throws(StorageError) {
        func chosen(_ option: String?, _ variable: String) throws(StorageError) -> FilePath? {
            guard let text = option ?? environment[variable].flatMap({ $0.isEmpty ? nil : $0 }) else { return nil }
            guard !text.isEmpty else {
                throw StorageError(
                    .invalidArgument, "The name of a folder is empty: leave the option out, or name one")
            }
            return try user.absolute(text)
        }
        func folder(
            _ option: String?, _ variable: String, _ standard: String, _ xdg: String, _ fallback: [String]
        ) throws(StorageError) -> FilePath {
            if let chosen = try chosen(option, variable) { return chosen }
            if user.isRoot { return FilePath(standard) }
            // The XDG base directory specification: a relative path is to be ignored.
            if let base = environment[xdg], base.hasPrefix("/") { return FilePath(base).appending("sanctl") }
            guard let home = environment["HOME"], home.hasPrefix("/") else {
                throw StorageError(.invalidArgument, "HOME isn't set to an absolute path: set it, or \(variable)")
            }
            return fallback.reduce(FilePath(home)) { $0.appending($1) }
        }
        configuration = try folder(
            choice.configuration, "SANCTL_CONFIG_DIR", "/etc/sanctl", "XDG_CONFIG_HOME", [".config", "sanctl"])
        state = try folder(
            choice.state, "SANCTL_STATE_DIR", "/var/lib/sanctl", "XDG_STATE_HOME", [".local", "state", "sanctl"])
        if let chosen = try chosen(choice.runtime, "SANCTL_RUNTIME_DIR") {
            runtime = chosen
            volatile = chosen
        } else if user.isRoot {
            runtime = "/run/sanctl"
            volatile = runtime
        } else {
            runtime = state.appending("run")
            volatile = FilePath("/run/user").appending(String(user.id)).appending("sanctl")
        }
        let root = choice.hostRoot ?? environment["SANCTL_HOST_ROOT"].flatMap { $0.isEmpty ? nil : $0 } ?? "/"
        hostRoot = try user.absolute(root)
    }
}
