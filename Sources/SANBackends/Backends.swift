import SANBackendDirectory
import SANBackendISCSIDirect
import SANBackendMultipath
public import SANEngine
public import SANHost

/// The one list of backends.
public enum Backends {
    /// Every backend of this build, reaching the host through these doors.
    ///
    /// - Parameter events: when devices come and go, for backends whose volumes are the kernel's.
    public static func all(
        host: HostRoot, commands: any CommandRunner, events: any DeviceEventSource
    ) -> [any StorageBackend] {
        [
            DirectoryBackend(host: host, commands: commands),
            ISCSIDirectBackend(host: host),
            MultipathBackend(host: host, mapper: host.deviceMapper),
        ]
    }
}
