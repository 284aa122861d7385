import SANBlockVolumes
public import SANEngine
public import SANHost
public import SANModel

/// The `mpath` pool: the multipath maps of this host.
///
/// There is one such pool for a host. Starting it makes no map and changes nothing: multipathd makes the maps, and sanctl reads them, from
/// device-mapper and sysfs; multipathd, where it runs, is asked for what its checkers saw.
public struct MultipathBackend: StorageBackend {
    public static let type = PoolType.multipath

    private let host: HostRoot
    private let mapper: any DeviceMapperAccess
    private let interview: any UnitInterviewing

    /// The Debian package whose service loads the kernel's module and makes maps.
    static let package = "multipath-tools"

    public init(host: HostRoot, mapper: any DeviceMapperAccess) {
        self.init(host: host, mapper: mapper, interview: UnitInterview())
    }

    init(host: HostRoot, mapper: any DeviceMapperAccess, interview: any UnitInterviewing) {
        self.host = host
        self.mapper = mapper
        self.interview = interview
    }

    public func availability() async -> Availability {
        do throws(StorageError) {
            try checkModule()
        } catch {
            return Availability(
                isAvailable: false, reason: error.message, package: MultipathBackend.package,
                libraryVersion: DeviceMapper.libraryVersion)
        }
        return Availability(isAvailable: true, libraryVersion: DeviceMapper.libraryVersion)
    }

    /// Any definition: the source, and the target's path, mean nothing, as in libvirt.
    public func validate(_ definition: PoolDefinition) throws(StorageError) {}

    /// The pool, where it was started: the engine's own record counts, as maps alone make no pool active.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> MultipathPool? {
        try pool()
    }

    /// - Throws: `unavailable` with the module and the package, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<MultipathPool> {
        try checkModule()
        return .changed(try pool())
    }

    private func pool() throws(StorageError) -> MultipathPool {
        MultipathPool(
            host: host, mapper: mapper,
            volumes: try BlockVolumes(host: host, targetPath: nil, interview: interview))
    }

    /// Whether the kernel has device-mapper and its multipath target.
    private func checkModule() throws(StorageError) {
        guard try DeviceMapperSupport.isThere(on: host) else {
            throw StorageError(.unavailable, "The kernel has no device-mapper: modprobe dm-mod")
        }
        guard try DeviceMapperSupport.hasMultipath(on: host) else {
            throw StorageError(
                .unavailable,
                "The kernel module dm-multipath isn't loaded: modprobe dm-multipath, or start multipathd (package \(MultipathBackend.package))"
            )
        }
    }
}
