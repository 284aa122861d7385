/// The 14 types of pool, by libvirt's names.
public enum PoolType: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case directory = "dir"
    case fileSystem = "fs"
    case networkFileSystem = "netfs"
    case logical
    case disk
    case iscsi
    case iscsiDirect = "iscsi-direct"
    case scsi
    case multipath = "mpath"
    case rbd
    case sheepdog
    case gluster
    case zfs
    case vstorage

    public var description: String { rawValue }
}
