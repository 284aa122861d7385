import CLinux
import Glibc
public import SANModel

/// Finds who may write to a regular file: the image of a running guest, a loop device's, a target's.
///
/// Read from procfs, sysfs and configfs. Processes of other users are seen by root only. This process isn't counted.
public enum FileUsers {
    /// - Parameters:
    ///   - name: what the file is called in the uses.
    ///   - descriptor: the file, open.
    /// - Returns: who has it open for writing, or stands on it; none for what isn't a regular file.
    /// - Throws: `permission_denied`, `host_failure` where sysfs or procfs itself can't be read.
    public static func writers(
        of name: String, openAt descriptor: Int32, on host: HostRoot
    ) throws(StorageError) -> [DeviceUse] {
        guard let file = FileNode(openAt: descriptor) else { return [] }
        func isFile(_ path: String) -> Bool {
            guard path.hasPrefix("/"), let path = try? host.resolve(path) else { return false }  // no path at all
            return FileNode(behind: path.string) == file
        }
        var kinds: [DeviceUse.Kind] = []
        if let text = ProcessTable.text("/proc/swaps", on: host), ProcessTable.swaps(text).contains(where: isFile) {
            kinds.append(.swap)
        }
        let blocks = SysfsFolder("/sys/block", on: host)
        for device in try blocks.names() where device.hasPrefix("loop") {
            guard let path = try blocks[device]["loop"].text("backing_file"), isFile(path) else { continue }
            kinds.append(.loop(device: device))
        }
        let stores = SysfsFolder("/sys/kernel/config/target/core", on: host)
        for adapter in try stores.names() where adapter.hasPrefix("fileio_") {
            for store in try stores[adapter].names() {
                guard let path = try stores[adapter][store].text("udev_path"), isFile(path) else { continue }
                kinds.append(.export(name: store))
            }
        }
        for process in try ProcessTable.processes(on: host) where !process.isThisOne && process.writes(to: file) {
            kinds.append(.process(command: process.command, id: process.id))
        }
        return kinds.map { DeviceUse(device: name, $0) }
    }
}

/// A regular file, by what `stat(2)` says it is.
struct FileNode: Hashable {
    let device: UInt64
    let inode: UInt64

    init?(openAt descriptor: Int32) {
        var status = san_file_status()
        guard unsafe san_file_status(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// What a path leads to; nil for what isn't a regular file.
    init?(behind path: String) {
        var status = san_file_status()
        guard unsafe san_file_status_behind(AT_FDCWD, path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init?(_ status: san_file_status) {
        guard status.mode & S_IFMT == S_IFREG else { return nil }
        device = status.device
        inode = status.inode
    }
}
