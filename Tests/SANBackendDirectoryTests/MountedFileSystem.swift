import FoundationEssentials
import SANTestSupport
import SystemPackage
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A file system of its own below a private folder, taken away again whatever happens: needs root and a loop device.
///
/// - Parameter options: of its `mkfs`.
func withFileSystem(
    _ type: String, _ options: [String], megabytes: Int = 256, _ body: (FilePath) async throws -> Void
) async throws {
    try #require(getuid() == 0, "Loop devices and mounts need root: run the service tier through 'make test'")
    let folder = try TemporaryFolder()
    let image = folder.appending("\(type).img").string
    let mount = folder.appending("mnt")
    try FileManager.default.createDirectory(atPath: mount.string, withIntermediateDirectories: false)
    try await run("truncate", ["-s", "\(megabytes)M", image])
    try await run("mkfs.\(type)", options + [image])
    let device = String(try await run("losetup", ["--find", "--show", image]).dropLast())
    var failure: (any Error)?
    var isMounted = false
    do {
        try await run("mount", ["-t", type, device, mount.string])
        isMounted = true
        try await body(mount)
    } catch {
        failure = error
    }
    if isMounted { try await run("umount", [mount.string]) }
    try await run("losetup", ["--detach", device])
    if let failure { throw failure }
}
