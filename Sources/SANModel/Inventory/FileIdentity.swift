/// Which file it is, whatever its name is: what a volume that is a file was listed as.
public struct FileIdentity: Sendable, Hashable {
    /// The block device of its file system; nil where that has none (NFS, btrfs, tmpfs), as such a number changes with each mount.
    public var device: DeviceNumber?
    public var inode: UInt64
    /// A digest of the file system's own handle, which tells two files apart that had the same inode number one after the other; nil where
    /// there is none, or where it doesn't last.
    public var handle: UInt64?
    /// Nil where the file system doesn't keep it.
    public var birth: Timestamp?

    public init(device: DeviceNumber?, inode: UInt64, handle: UInt64?, birth: Timestamp?) {
        self.device = device
        self.inode = inode
        self.handle = handle
        self.birth = birth
    }

    /// Whether nothing speaks against it that the two are one file: what only one of them knows isn't compared.
    public func isSame(as other: FileIdentity) -> Bool {
        func agree<Value: Equatable>(_ left: Value?, _ right: Value?) -> Bool {
            guard let left, let right else { return true }
            return left == right
        }
        return inode == other.inode && agree(device, other.device) && agree(handle, other.handle)
            && agree(birth, other.birth)
    }
}
