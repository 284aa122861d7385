import SANImages
import SANModel

/// Where a gluster pool is: servers, a volume, a folder of it.
struct GlusterSource: Sendable, Hashable {
    /// In the order of the document.
    let servers: [GlusterServer]
    let volume: String
    /// The names that lead to the folder from the volume's root.
    let folder: [String]

    /// - Throws: `invalid_argument`.
    init(_ definition: PoolDefinition) throws(StorageError) {
        let source = definition.source
        var servers: [GlusterServer] = []
        for host in source.hosts {
            let server = try GlusterServer(host)
            if !servers.contains(server) { servers.append(server) }
        }
        guard !servers.isEmpty else {
            throw StorageError(
                .invalidArgument, "A gluster pool needs <host name='…'/> in <source>",
                subject: .pool(definition.name.printable))
        }
        self.servers = servers
        volume = source.name ?? definition.name
        guard GlusterSource.isVolumeName(volume) else {
            throw StorageError(
                .invalidArgument,
                "'\(volume.printable)' isn't the name of a Gluster volume: letters, digits, '-' and '_', without a '/'; a folder goes to <dir path='/…'/>",
                subject: .pool(definition.name.printable))
        }
        let directory = source.directory ?? "/"
        folder = directory.split(separator: "/").filter { $0 != "." }.map { String($0) }
        guard directory.hasPrefix("/"), !folder.contains(".."),
            directory.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw StorageError(
                .invalidArgument,
                "'\(directory.printable)' isn't the path of a folder: it begins with '/', at the volume's root, and has no '..'",
                subject: .path(directory.printable))
        }
    }

    /// The folder's path in the volume, as libgfapi takes it.
    var path: String { "/" + folder.joined(separator: "/") }

    func path(of name: String) -> String { folder.isEmpty ? "/" + name : path + "/" + name }

    /// A file, for QEMU's own driver.
    func place(_ path: String) -> ImagePlace {
        .gluster(
            servers: servers.map { ImagePlace.Server(host: $0.host, port: $0.port ?? GlusterServer.usualPort) },
            volume: volume, path: String(path.drop { $0 == "/" }))
    }

    /// libvirt's path and key of a volume of the pool: by the first server, whichever is used.
    func uri(of name: String) -> String { GlusterURI.text(servers[0], [volume] + folder + [name]) }

    /// The same of the pool's folder.
    var uri: String { GlusterURI.text(servers[0], [volume] + folder) }

    /// Whether `gluster volume create` takes the name: letters, digits, `-` and `_`.
    static func isVolumeName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
            }
    }
}
