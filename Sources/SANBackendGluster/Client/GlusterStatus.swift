import CGlusterFS
import SANImages
import SANModel

/// What a volume says of a file.
struct GlusterStatus: Sendable, Hashable {
    var kind: FileKind
    var size: UInt64
    /// Bytes of the blocks that it has.
    var allocation: UInt64
    var identity: FileIdentity
    var permissions: Permissions
    var timestamps: Timestamps

    init(_ status: san_gluster_status) {
        kind = FileKind(mode: status.mode)
        size = status.size
        allocation = status.allocation
        // A number made of the gfid, a UUID that no second file gets: there is nothing else that could tell two files apart.
        identity = FileIdentity(device: nil, inode: status.inode, handle: nil, birth: nil)
        permissions = Permissions(mode: status.mode & 0o7777, owner: status.owner, group: status.group)
        timestamps = Timestamps(
            access: Timestamp(seconds: status.access_seconds, nanoseconds: status.access_nanoseconds),
            change: Timestamp(seconds: status.change_seconds, nanoseconds: status.change_nanoseconds),
            modification: Timestamp(seconds: status.modification_seconds, nanoseconds: status.modification_nanoseconds))
    }

    /// Whether it has fewer blocks than bytes.
    var isSparse: Bool { allocation < size }
}
