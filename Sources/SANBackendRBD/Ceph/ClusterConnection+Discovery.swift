import CCeph
import SANModel

extension ClusterConnection {
    /// Lists are bounded: what is longer is nobody's pools.
    private static let longestList = 16 << 20

    /// What pools a cluster has for images: `POOL` and `POOL/NAMESPACE` of each whose application is `rbd`, sorted.
    ///
    /// The namespaces of a pool are left out where the user may not read them. Blocks as ``open(_:key:)``.
    ///
    /// - Throws: as ``open(_:key:)``, but `not_found`.
    static func places(of source: RBDSource, key: CephKey?) throws(StorageError) -> [String] {
        let cluster = try unsafe connected(source, key)
        let functions = unsafe CephLibrary.functions
        defer { unsafe functions.rados_shutdown(cluster) }
        let pools = try names(cannot: "list the cluster's pools") { text in
            let length = unsafe functions.rados_pool_list(cluster, &text, text.count)
            return (length, Int(max(length, 0)))
        }
        var places: [String] = []
        for pool in pools where !pool.contains("/") {
            var context: rados_ioctx_t?
            // One that is gone by now is none.
            guard unsafe functions.rados_ioctx_create(cluster, pool, &context) >= 0, let made = unsafe context else {
                continue
            }
            defer { unsafe functions.rados_ioctx_destroy(made) }
            let applications = try names(cannot: "ask what the pool '\(pool.printable)' is for") { text in
                var length = text.count
                let result = unsafe functions.rados_application_list(made, &text, &length)
                return (result, length)
            }
            guard applications.contains("rbd") else { continue }
            places.append(pool)
            do throws(StorageError) {
                places += try names(cannot: "list the namespaces of the pool '\(pool.printable)'") { text in
                    var length = text.count
                    let result = unsafe functions.rbd_namespace_list(made, &text, &length)
                    return (result, length)
                }.filter { !$0.contains("/") }.map { "\(pool)/\($0)" }
            } catch {
                guard error.code == .permissionDenied else { throw error }
            }
        }
        return places.sorted()
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
