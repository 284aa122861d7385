import CCeph
import SANModel

extension ClusterConnection {
    /// Lists are bounded: what is longer is nobody's pools.
    private static let longestList = 16 << 20
    /// Seconds that one of several pools has to answer, instead of `rados_osd_op_timeout`.
    private static let patience = 5

    /// What a cluster offers.
    struct Places: Sendable {
        /// `POOL` and `POOL/NAMESPACE`, sorted.
        var names: [String] = []
        /// Of pools whose namespaces couldn't be listed.
        var problems: [StorageError] = []
    }

    /// What pools a cluster has for images: `POOL` and `POOL/NAMESPACE` of each whose application is `rbd`.
    ///
    /// The namespaces of a pool are left out where the user may not read them, and where the pool doesn't answer. Blocks as ``open(_:key:)``,
    /// and some seconds for each pool that doesn't answer, as long as there is time.
    ///
    /// - Throws: as ``open(_:key:)``, but `not_found`.
    static func places(
        of source: RBDSource, key: CephKey?, until deadline: Deadline
    ) throws(StorageError) -> Places {
        let end = deadline.part(3, of: 4)
        let cluster = try unsafe connected(source, key, [("rados_osd_op_timeout", "\(patience)")])
        let functions = unsafe CephLibrary.functions
        defer { unsafe functions.rados_shutdown(cluster) }
        let pools = try names(cannot: "list the cluster's pools") { text in
            let length = unsafe functions.rados_pool_list(cluster, &text, text.count)
            return (length, Int(max(length, 0)))
        }
        var places = Places()
        for pool in pools where !pool.contains("/") {
            var context: rados_ioctx_t?
            let opened = unsafe functions.rados_ioctx_create(cluster, pool, &context)
            // Deleted by now.
            if CephFailure(opened).errno == .noSuchFileOrDirectory { continue }
            guard opened >= 0, let made = unsafe context else {
                throw CephFailure(opened).error(cannot: "open the Ceph pool '\(pool.printable)'")
            }
            defer { unsafe functions.rados_ioctx_destroy(made) }
            let applications = try names(cannot: "ask what the pool '\(pool.printable)' is for") { text in
                var length = text.count
                let result = unsafe functions.rados_application_list(made, &text, &length)
                return (result, length)
            }
            guard applications.contains("rbd") else { continue }
            places.names.append(pool)
            do throws(StorageError) {
                let action = "list the namespaces of the pool '\(pool.printable)'"
                guard !end.hasPassed else { throw StorageError(.timedOut, "There was no time left to \(action)") }
                places.names += try names(cannot: action) { text in
                    var length = text.count
                    let result = unsafe functions.rbd_namespace_list(made, &text, &length)
                    return (result, length)
                }.filter { !$0.contains("/") }.map { "\(pool)/\($0)" }
            } catch {
                if error.code != .permissionDenied { places.problems.append(error) }
            }
        }
        places.names.sort()
        return places
    }

    /// Names that a call writes one after another, each with a NUL at its end.
    ///
    /// - Parameter ask: fills the text; answers with the call's result, and the length that it has or needs.
    private static func names(
        cannot action: String, _ ask: (inout [CChar]) -> (result: Int32, length: Int)
    ) throws(StorageError) -> [String] {
        var text = [CChar](repeating: 0, count: 4096)
        while true {
            let (result, length) = ask(&text)
            let isShort = result >= 0 || CephFailure(result).errno == .outOfRange
            if isShort, length > text.count, length <= longestList {
                text = [CChar](repeating: 0, count: length)
                continue
            }
            guard result >= 0, length <= text.count else { throw CephFailure(min(result, -1)).error(cannot: action) }
            return text.prefix(length).split(separator: 0).map { name in
                String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        }
    }
}
