import SANBackendDirectory
import SANBackendGluster
import SANBackendISCSI
import SANBackendISCSIDirect
import SANBackendMultipath
import SANBackendRBD
import SANBackendSCSI
public import SANEngine
public import SANHost
import SANModel

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
            GlusterBackend(host: host, commands: commands),
            ISCSIBackend(host: host, commands: commands, events: events),
            ISCSIDirectBackend(host: host),
            MultipathBackend(host: host, mapper: host.deviceMapper),
            RBDBackend(),
            SCSIBackend(hbas: hbas(host: host, events: events)),
        ]
    }

    /// The virtual HBAs of a host, made and deleted through sysfs.
    public static func hbas(host: HostRoot, events: any DeviceEventSource) -> VirtualHBAs {
        VirtualHBAs(
            host: host, control: SysfsHBAControl(), events: events,
            users: { device throws(StorageError) in try DeviceUsers.of(device) }, mapper: host.deviceMapper)
    }
}
