import CCeph
import SANEngine
import SANModel

/// librados and librbd, loaded when they are first needed.
enum CephLibrary {
    /// The functions; only after ``require()``.
    @unsafe static var functions: san_ceph_functions { unsafe san_ceph().pointee }

    private static let loaded = Result { () throws(StorageError) in
        try load(rados: "librados.so.2", rbd: "librbd.so.1")
    }

    /// Loads both libraries; blocks for some milliseconds the first time.
    ///
    /// - Throws: `unavailable`; its tool is the package that is missing.
    static func require() throws(StorageError) {
        try loaded.get()
    }

    /// dlopen(3) and dlsym(3).
    static func load(rados: String, rbd: String) throws(StorageError) {
        var problem = [CChar](repeating: 0, count: 512)
        let lack = unsafe san_ceph_load(rados, rbd, &problem, UInt(problem.count))
        let said = String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).printable
        switch lack {
        case Int32(SAN_CEPH_COMPLETE.rawValue): return
        case Int32(SAN_CEPH_NO_RADOS.rawValue):
            throw StorageError(
                .unavailable, "librados can't be loaded (\(said))", subject: .tool(radosPackage))
        case Int32(SAN_CEPH_NO_RBD.rawValue):
            throw StorageError(
                .unavailable, "librbd can't be loaded (\(said))", subject: .tool(rbdPackage))
        default:
            throw StorageError(
                .unavailable,
                "This librados or librbd is too old: Ceph 16 or later is needed (\(said))", subject: .tool(rbdPackage))
        }
    }

    static let radosPackage = "librados2"
    static let rbdPackage = "librbd1"

    /// Of librados and librbd, which count for themselves: Ceph's own version isn't told.
    static var version: String {
        var (major, minor, extra): (Int32, Int32, Int32) = (0, 0, 0)
        unsafe functions.rados_version(&major, &minor, &extra)
        let rados = "\(major).\(minor).\(extra)"
        unsafe functions.rbd_version(&major, &minor, &extra)
        return "librados \(rados), librbd \(major).\(minor).\(extra)"
    }
}
