import FoundationEssentials
public import SystemPackage

/// Lends a file system of its own below a private folder, and takes it away again whatever happens: needs root and a loop device.
///
/// - Parameter options: of its `mkfs`.
public func withFileSystem(
    _ type: String, _ options: [String], megabytes: Int = 256, _ body: (FilePath) async throws -> Void
) async throws {
    let folder = try TemporaryFolder()
    let mount = folder.appending("mnt")
    try FileManager.default.createDirectory(atPath: mount.string, withIntermediateDirectories: false)
    try await LoopDevice.with(bytes: Int64(megabytes) << 20) { loop in
        try await LoopDevice.run("mkfs.\(type)", options + [loop.node])
        try await LoopDevice.run("mount", ["-t", type, loop.node, mount.string])
        do {
            try await body(mount)
        } catch {
            _ = try? await LoopDevice.run("umount", [mount.string])  // the test's error is the one that counts
            throw error
        }
        try await LoopDevice.run("umount", [mount.string])
    }
}
