public import SANModel

/// A Unix socket with a name that is no file: programs on the host find each other by it.
public struct AbstractSocket: Sendable {
    /// Without the zero byte that it begins with: `ISCSIADM_ABSTRACT_NAMESPACE`.
    public let name: String

    /// The kernel's table has a line for each socket of the host.
    private static let limit = 64 << 20

    public init(_ name: String) {
        self.name = name
    }

    /// Whether a process of the network namespace that we are in has bound it.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func isBound(on host: HostRoot) throws(StorageError) -> Bool {
        guard let table = try SysfsFolder("/proc/net", on: host).bytes("unix", limit: AbstractSocket.limit) else {
            return false
        }
        let end = Array(" @\(name)".utf8)
        return table.split(separator: 0x0A).contains { $0.suffix(end.count).elementsEqual(end) }
    }
}
