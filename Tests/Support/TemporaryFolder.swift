import FoundationEssentials
public import SystemPackage

/// A private folder for one test, removed with everything in it when the value goes.
public final class TemporaryFolder: Sendable {
    public let path: FilePath

    public init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "sanctl-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = FilePath(url.path)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path.string)  // a leftover in the temporary folder hurts nobody
    }

    /// A path below the folder.
    public func appending(_ component: String) -> FilePath {
        path.appending(component)
    }
}
