import SANModel

extension VolumeAttachment {
    /// What a client of Ceph in user space (librbd, in qemu) needs.
    struct RBD: Sendable {
        /// The port is 0 where none is said.
        var monitors: [Portal]
        /// The Ceph pool.
        var pool: String
        /// Empty for the pool's default one.
        var namespace: String
        var image: String
        /// Nil without cephx.
        var authentication: PoolSource.Authentication?

        /// - Throws: `invalid_state` where the document doesn't say enough.
        init(_ volume: Volume, in pool: PoolDefinition) throws(StorageError) {
            let parts = (pool.source.name ?? "").split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), !parts[0].isEmpty, !pool.source.hosts.isEmpty else {
                throw StorageError(
                    .invalidState, "The pool's document doesn't say where the volume is", subject: .volume(volume.name))
            }
            monitors = try pool.source.hosts.map { host throws(StorageError) in try host.endpoint() }
            self.pool = String(parts[0])
            namespace = parts.count == 2 ? String(parts[1]) : ""
            image = volume.name
            authentication = pool.source.authentication
        }

        /// `POOL/[NAMESPACE/]IMAGE`, as libvirt names it.
        var path: String { [pool, namespace, image].filter { !$0.isEmpty }.joined(separator: "/") }

        /// As qemu's driver reads it, which gets the key from the user's keyring.
        var uri: String {
            let place = [pool, namespace, image].filter { !$0.isEmpty }.map(RBD.escaped).joined(separator: "/")
            let user = authentication.map { ":id=" + RBD.escaped($0.username) } ?? ""
            // Neither a comma nor a bare address of IPv6: both have a meaning of their own around it.
            let hosts = monitors.map { monitor in
                let host = monitor.isIPv6 ? "[\(monitor.host)]" : monitor.host
                return monitor.port == 0 ? host : "\(host):\(monitor.port)"
            }
            return "rbd:\(place)\(user):auth_supported=\(protection):mon_host="
                + RBD.escaped(hosts.joined(separator: ";"))
        }

        /// qemu's node; the key is the secret `san-cephx`, the passphrase `san-key`.
        func node(_ encryption: EncryptionDefinition?) -> JSONValue {
            // qemu wants a port: the two that monitors have by default, one for each version of the messenger.
            let servers = monitors.flatMap { monitor in
                (monitor.port == 0 ? [3300, 6789] : [monitor.port]).map { port -> JSONValue in
                    ["host": .string(monitor.host), "port": .string(String(port))]
                }
            }
            var node: JSONObject = [
                "driver": "rbd", "pool": .string(pool), "image": .string(image), "server": .array(servers),
                "auth-client-required": .array([.string(protection)]),
            ]
            if !namespace.isEmpty { node["namespace"] = .string(namespace) }
            if let authentication {
                node["user"] = .string(authentication.username)
                node["key-secret"] = "san-cephx"
            }
            if let encryption {
                node["encrypt"] = ["format": .string(encryption.format.rawValue), "key-secret": "san-key"]
            }
            return .object(node)
        }

        private var protection: String { authentication == nil ? "none" : "cephx" }

        /// With a backslash before what qemu takes for a mark.
        private static func escaped(_ text: String) -> String {
            text.reduce(into: "") { result, character in
                if "\\/@:=".contains(character) { result.append("\\") }
                result.append(character)
            }
        }
    }
}
