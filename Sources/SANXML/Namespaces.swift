/// The namespaces of options: libvirt's for pools, and ours for volumes.
enum OptionNamespace {
    /// `<fs:mount_opts>` of `fs` and `netfs` pools.
    static let fileSystem = "http://libvirt.org/schemas/storagepool/fs/1.0"
    /// `<rbd:config_opts>` of rbd pools.
    static let rbd = "http://libvirt.org/schemas/storagepool/rbd/1.0"
    /// `<sanctl:image>` of volumes in rbd pools.
    static let image = "urn:sanctl:volume:image:1.0"
}
