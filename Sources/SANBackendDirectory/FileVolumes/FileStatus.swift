import CLinux
import SANImages
import SANModel

/// What the host says of a file.
struct FileStatus: Sendable, Hashable {
    var kind: FileKind
    var size: UInt64
    /// Bytes of the blocks that it has.
    var allocation: UInt64
    var device: UInt64
    var inode: UInt64
    /// See ``FileIdentity/handle``.
    var handle: UInt64?
    var permissions: Permissions
    var timestamps: Timestamps

    init(_ status: san_file_status) {
        kind = FileKind(mode: status.mode)
        size = status.size
        allocation = status.allocation
        device = status.device
        inode = status.inode
        handle = status.handle == 0 ? nil : status.handle
        permissions = Permissions(mode: status.mode & 0o7777, owner: status.owner, group: status.group)
        timestamps = Timestamps(
            access: Timestamp(seconds: status.access_seconds, nanoseconds: status.access_nanoseconds),
            birth: status.has_birth != 0
                ? Timestamp(seconds: status.birth_seconds, nanoseconds: status.birth_nanoseconds) : nil,
            change: Timestamp(seconds: status.change_seconds, nanoseconds: status.change_nanoseconds),
            modification: Timestamp(seconds: status.modification_seconds, nanoseconds: status.modification_nanoseconds))
    }

    /// Whether it has fewer blocks than bytes.
    var isSparse: Bool { allocation < size }

    /// - Parameter system: that of the folder.
    func identity(on system: FileSystem) -> FileIdentity {
        let number = DeviceNumber(major: UInt32(device >> 32), minor: UInt32(truncatingIfNeeded: device))
        // FUSE makes its handles of numbers that it forgets when the kernel needs the memory (fuse_encode_fh, Linux 6.1).
        return FileIdentity(
            device: number.major == 0 ? nil : number, inode: inode, handle: system.isFUSE ? nil : handle,
            birth: timestamps.birth)
    }
}

/// What the file system of a folder offers.
struct FileSystem: Sendable, Hashable {
    /// From linux/magic.h.
    static let btrfs: UInt64 = 0x9123_683E
    static let fuse: UInt64 = 0x6573_5546
    /// ext2 to ext4, xfs, btrfs, tmpfs, ramfs, f2fs, overlayfs, zfs, bcachefs, vfat.
    private static let local: Set<UInt64> = [
        0xEF53, 0x5846_5342, btrfs, 0x0102_1994, 0x8584_58F6, 0xF2F5_2010, 0x794C_7630, 0x2FC1_2FC1, 0xCA45_1A4E,
        0x4D44,
    ]

    var capacity: UInt64
    var free: UInt64
    var isBtrfs: Bool
    var isFUSE: Bool
    /// Whether it is this host's own, whose locks everybody here sees; false for what isn't known.
    ///
    /// Other hosts may reach it through a server on this one, and their locks may stay with them.
    var isLocal: Bool
    /// Whether its files have SELinux labels: on a kernel with SELinux each has.
    var hasLabels: Bool

    init(of folder: OpenFile) throws(StorageError) {
        var system = san_file_system()
        try check(
            unsafe san_file_system(folder.descriptor, &system), cannot: "find the size of the file system of",
            folder.path)
        capacity = system.capacity
        free = min(system.free, system.capacity)
        isBtrfs = system.type == FileSystem.btrfs
        isFUSE = system.type == FileSystem.fuse
        isLocal = FileSystem.local.contains(system.type)
        hasLabels = folder.label() != nil
    }
}
