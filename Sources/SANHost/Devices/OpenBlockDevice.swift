import CLinux
import Glibc
import SANModel
import SystemPackage

/// An open block device: what is asked and written through it reaches this very device, whatever its names mean by now.
///
/// A thread that sits in a call on a device that hangs keeps the descriptor, so that its number can't come to mean another file meanwhile.
package final class OpenBlockDevice: Sendable {
    /// The kernel's name when it was opened.
    package let name: String
    package let number: DeviceNumber
    package let descriptor: Int32

    package enum Access: Sendable, Hashable {
        /// To ask it something: no data, and no waiting for a medium.
        case ask
        case read
        /// To write it, and be the only one: while it is open nobody can mount it or put something on it (`O_EXCL`).
        case exclusiveWrite
    }

    /// Opens the kernel's node of the device, and checks that it is this device's.
    ///
    /// Blocks while the kernel is busy with errors of the device; to be called on a thread of its own.
    ///
    /// - Throws: `not_found` for a device that has no node or is gone, `busy` where it is mounted or something stands on it,
    ///   `permission_denied`, `invalid_state` for a node that leads to another device, `host_failure`.
    package convenience init(_ device: BlockDevice, _ access: Access) throws(StorageError) {
        let kind =
            switch access {
            case .ask: SAN_BLOCK_ASK
            case .read: SAN_BLOCK_READ
            case .exclusiveWrite: SAN_BLOCK_WRITE_EXCLUSIVELY
            }
        // The kernel lets a device that is read-only be opened for writing, and fails each write.
        if access == .exclusiveWrite, try device.isReadOnly() { throw OpenBlockDevice.readOnly(device) }
        let path = try device.folder.host.resolve(device.node)
        let descriptor = unsafe san_block_open(path.string, Int32(kind))
        guard descriptor >= 0 else { throw OpenBlockDevice.refusal(Errno(rawValue: -descriptor), device, path) }
        try self.init(adopting: descriptor, name: device.name)
        guard number == device.number else {
            throw StorageError(
                .invalidState, "\(device.node.printable) is device \(number) and not \(device.number), as sysfs has it",
                subject: .device(device.name))
        }
        guard let listed = device.sequence, let now = sequence, listed != now else { return }
        throw StorageError(
            .invalidState, "\(device.name) is another device now than the one that was looked at (L07)",
            subject: .device(device.name))
    }

    private init(adopting descriptor: Int32, name: String) throws(StorageError) {
        self.name = name
        self.descriptor = descriptor
        guard let number = DeviceNumber(ofDeviceOpenAt: descriptor) else {
            san_file_close(descriptor)
            throw StorageError(
                .invalidState, "The node of \(name.printable) isn't a block device", subject: .device(name))
        }
        self.number = number
    }

    deinit {
        san_file_close(descriptor)
    }

    /// Its size by the kernel, in bytes.
    package func capacity() throws(StorageError) -> ByteCount {
        var bytes: UInt64 = 0
        let code = unsafe san_block_capacity(descriptor, &bytes)
        guard code == 0 else { throw failure(Errno(rawValue: -code), "ask for the size of") }
        return ByteCount(bytes)
    }

    /// The bytes of a logical block: what reads and writes must be whole numbers of.
    package func blockSize() throws(StorageError) -> Int {
        let size = san_block_logical_size(descriptor)
        guard size >= 512, size.nonzeroBitCount == 1 else {
            throw failure(Errno(rawValue: size < 0 ? -size : EINVAL), "ask for the block size of")
        }
        return Int(size)
    }

    /// Which of all the devices that ever had this name it is; nil on a kernel before 5.15 (L07).
    package var sequence: UInt64? {
        var sequence: UInt64 = 0
        return unsafe san_block_sequence(descriptor, &sequence) == 0 ? sequence : nil
    }

    /// What the kernel answered to a call, as our error.
    ///
    /// - Parameter action: a verb, for "Can't `action` sda: …".
    package func failure(_ code: Errno, _ action: String) -> StorageError {
        let subject = StorageError.Subject.device(name)
        return switch code.rawValue {
        case ENODEV, ENXIO, ENOMEDIUM:
            StorageError(.notFound, "Can't \(action) \(name): the device is gone", subject: subject)
        case ENOSPC:
            StorageError(
                .backendFailure, "Can't \(action) \(name): the storage has no space left for it", subject: subject)
        case EBADE:
            StorageError(
                .busy, "Can't \(action) \(name): another host holds a persistent reservation of it", subject: subject)
        case ETIMEDOUT: StorageError(.timedOut, "Can't \(action) \(name): no path answered in time", subject: subject)
        case EPERM, EACCES:
            StorageError(.permissionDenied, "Can't \(action) \(name): it may only be read", subject: subject)
        case EOPNOTSUPP, ENOTTY:
            StorageError(.unsupported, "Can't \(action) \(name): it can't do that", subject: subject)
        default: StorageError(.backendFailure, "Can't \(action) \(name): \(code)", subject: subject)
        }
    }

    private static func readOnly(_ device: BlockDevice) -> StorageError {
        StorageError(.permissionDenied, "\(device.name) may only be read", subject: .device(device.name))
    }

    private static func refusal(_ code: Errno, _ device: BlockDevice, _ path: FilePath) -> StorageError {
        let subject = StorageError.Subject.device(device.name)
        return switch code.rawValue {
        case EBUSY: StorageError(.busy, "\(device.name) is in use", subject: subject)
        case ENXIO, ENODEV, ENOMEDIUM: StorageError(.notFound, "\(device.name) is gone", subject: subject)
        case EROFS: readOnly(device)
        default: StorageError.system(code, "open", at: path).about(.device, device.name)
        }
    }
}
