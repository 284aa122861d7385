public import SANModel

extension HostRoot {
    /// The identity of this boot of the kernel, from `/proc/sys/kernel/random/boot_id`; empty on a tree that has none.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func bootIdentity() throws(StorageError) -> String {
        let file = LocalFile(try resolve("/proc/sys/kernel/random/boot_id"))
        do throws(StorageError) {
            let text = String(decoding: try file.read(limit: 4096), as: UTF8.self)
            return String(text.prefix { !$0.isWhitespace })
        } catch  where error.code == .notFound {
            return ""
        }
    }
}
