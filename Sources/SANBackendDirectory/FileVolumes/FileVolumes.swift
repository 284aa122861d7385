public import SANEngine
public import SANHost
import SANImages
public import SANModel
import SystemPackage

/// Volumes that are the files of one folder: what a `dir` pool is, and a pool that mounts its folder first.
public struct FileVolumes: Sendable {
    /// The folder as the pool's definition has it; paths and keys are made from it.
    public let path: String
    /// Where the folder is below the host's root.
    let location: FilePath
    let host: HostRoot
    let commands: any CommandRunner

    /// - Parameter path: absolute.
    /// - Throws: `invalid_argument`.
    public init(path: String, host: HostRoot, commands: any CommandRunner) throws(StorageError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        location = try host.resolve(path)
        self.host = host
        self.commands = commands
    }

    /// The path of a volume that isn't there yet.
    public func path(ofNew name: String) -> String { path == "/" ? path + name : path + "/" + name }

    /// Opens the folder.
    ///
    /// - Throws: `not_found` where it has gone.
    func open() throws(StorageError) -> OpenFile {
        do throws(StorageError) {
            return try OpenFile.folder(location, shownAs: path)
        } catch  where error.code == .notFound {
            throw StorageError(
                .notFound, "The folder '\(path.printable)' isn't there: make it with 'sanctl pool build'",
                subject: .path(path.printable))
        }
    }

    /// Runs a call that touches the folder on a thread of its own: a file system may hang.
    func blocking<Value: Sendable>(
        _ context: OperationContext, _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await withBlockingThread(
            named: "san-dir", until: context.deadline, waitingFor: "the folder '\(path.printable)'", body)
    }

    /// Reads one volume anew.
    ///
    /// - Parameter volume: as it is known: a raw one stays one.
    /// - Throws: `not_found`, `invalid_argument`.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        try await blocking(context) { () throws(StorageError) in try inspect(volume) }
    }

    func inspect(_ volume: Volume) throws(StorageError) -> Volume {
        let name = try FileName(volume.name)
        let folder = try open()
        var reader = FileReader(
            folder: folder, system: try FileSystem(of: folder), raw: RawFiles { [volume] })
        guard let volume = reader.volume(named: name.text) else { throw missing(name.text) }
        return volume
    }

    func missing(_ name: String) -> StorageError {
        StorageError(
            .notFound, "There is no volume '\(name.printable)' in '\(path.printable)'", subject: .volume(name.printable)
        )
    }
}
