import CLinux
import Glibc
import SANModel

extension DeviceNumber {
    /// Of the block device that is open; nil for other files.
    package init?(ofDeviceOpenAt descriptor: Int32) {
        var status = san_file_status()
        guard unsafe san_file_status(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of the block device that a path leads to, whatever its name; nil for other files.
    init?(behind path: String) {
        var status = san_file_status()
        guard unsafe san_file_status_behind(AT_FDCWD, path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init?(_ status: san_file_status) {
        guard status.mode & S_IFMT == S_IFBLK else { return nil }
        self.init(
            major: UInt32(truncatingIfNeeded: status.node >> 32), minor: UInt32(truncatingIfNeeded: status.node))
    }
}
