public import SANEngine
public import SANHost
public import SANModel

/// `dir` pools: the files of a folder.
public struct DirectoryBackend: StorageBackend, PoolBuilding {
    public static let type = PoolType.directory

    let host: HostRoot
    let commands: any CommandRunner

    public init(host: HostRoot, commands: any CommandRunner) {
        self.host = host
        self.commands = commands
    }

    /// Always there; without `qemu-img` it makes raw volumes only.
    public func availability() async -> Availability {
        guard commands.locate(.qemuImg) == nil else { return Availability(isAvailable: true) }
        return Availability(
            isAvailable: true, reason: "Only raw volumes can be made: qemu-img is missing",
            package: Tool.qemuImg.package)
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        guard let path = definition.target?.path, !path.isEmpty else {
            throw StorageError(
                .invalidArgument, "A dir pool needs <target><path>", subject: .pool(definition.name.printable))
        }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw StorageError(
                .invalidArgument, "The target path '\(path.printable)' isn't an absolute path",
                subject: .path(path.printable))
        }
        if let mode = definition.target?.permissions?.mode, mode > 0o777 {
            throw StorageError(
                .invalidArgument, "The mode of a folder is 0 to 0777, not \(String(mode, radix: 8))",
                subject: .path(path.printable))
        }
    }

    /// The pool, always: the host doesn't know that a folder is one, so the engine's own record counts.
    ///
    /// A folder that has gone shows at the refresh, as `not_found`.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> DirectoryPool? {
        DirectoryPool(files: try files(of: definition))
    }

    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<DirectoryPool> {
        let files = try files(of: definition)
        try await files.blocking(context) { () throws(StorageError) in _ = try files.open() }
        return .changed(DirectoryPool(files: files))
    }

    func files(of definition: PoolDefinition) throws(StorageError) -> FileVolumes {
        try validate(definition)
        return try FileVolumes(path: definition.target?.path ?? "", host: host, commands: commands)
    }
}
