/// The namespaces of libvirt's pool options.
enum OptionNamespace {
    /// `<fs:mount_opts>` of `fs` and `netfs` pools.
    static let fileSystem = "http://libvirt.org/schemas/storagepool/fs/1.0"
    /// `<rbd:config_opts>` of rbd pools.
    static let rbd = "http://libvirt.org/schemas/storagepool/rbd/1.0"
}
