import SANBackendDirectory
import SANBackendISCSIDirect
public import SANEngine
public import SANHost

/// The one list of backends.
public enum Backends {
    /// Every backend of this build, reaching the host through these doors.
    public static func all(host: HostRoot, commands: any CommandRunner) -> [any StorageBackend] {
        [
            DirectoryBackend(host: host, commands: commands),
            ISCSIDirectBackend(host: host),
        ]
    }
}
