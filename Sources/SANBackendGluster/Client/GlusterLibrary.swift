import CGlusterFS
import SANEngine
import SANHost
import SANModel
import SystemPackage

/// libgfapi, which is loaded at run time: sanctl runs without it, and gluster pools then say what to install.
enum GlusterLibrary {
    /// The Debian package of libgfapi.
    static let package = "libgfapi0"
    /// The Debian package of what libgfapi itself loads: the client side of each feature of a volume (its translators).
    static let translators = "glusterfs-common"

    /// Why the library can't be loaded; nil where it was.
    private static let failure: String? = {
        var reason = [CChar](repeating: 0, count: 256)
        let code = unsafe reason.withUnsafeMutableBufferPointer { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return -1 }
            return unsafe san_gluster_load(start, bytes.count)
        }
        guard code != 0 else { return nil }
        return String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).printable
    }()

    /// Loads the library, and looks for its parts.
    ///
    /// Blocks, once, for as long as the loader takes.
    static func availability() -> Availability {
        if let failure {
            return Availability(
                isAvailable: false, reason: "libgfapi can't be loaded: \(failure)", package: GlusterLibrary.package)
        }
        guard let version else {
            return Availability(
                isAvailable: false, reason: "libgfapi is there, and the translators that it loads aren't",
                package: GlusterLibrary.translators)
        }
        return Availability(isAvailable: true, libraryVersion: version)
    }

    /// - Throws: `unavailable`.
    static func require() throws(StorageError) {
        let availability = availability()
        guard !availability.isAvailable else { return }
        throw StorageError(
            .unavailable,
            "Gluster can't be used here: \(availability.reason ?? ""); install the package \(availability.package ?? "")"
        )
    }

    /// The version of the translators, as their folder beside the library has it: libgfapi doesn't tell its own.
    private static let version: String? = {
        let folder = FilePath(unsafe String(cString: san_gluster_folder())).appending("glusterfs")
        let versions = (try? LocalFolder(folder).names()) ?? []  // what can't be read is as good as missing
        return versions.last { version in
            let client = folder.appending(version).appending("xlator/protocol/client.so")
            return (try? LocalFile(client).status()) != nil  // the same
        }
    }()
}
