import CLibISCSI
import SANEngine
import SANHost
import SANModel

/// A command's memory: libiscsi's task, the vector that describes the data, and the data itself.
///
/// It must outlive everything that libiscsi may still have to do for the command.
@safe
final class CommandFlight {
    let task: UnsafeMutablePointer<scsi_task>
    private let vector: UnsafeMutablePointer<scsi_iovec>
    let buffer: TransferBuffer?

    /// - Parameter buffer: at least `command.length` bytes from `offset`, for a command that moves data.
    /// - Throws: `host_failure` where there is no memory.
    init(_ command: SCSICommand, buffer: TransferBuffer?, offset: Int = 0) throws(StorageError) {
        var block = command.block
        let direction =
            switch command.direction {
            case .none: SCSI_XFER_NONE
            case .read: SCSI_XFER_READ
            case .write: SCSI_XFER_WRITE
            }
        let task = unsafe scsi_create_task(
            Int32(block.count), &block, Int32(bitPattern: direction.rawValue), Int32(clamping: command.length))
        guard let task = unsafe task else { throw StorageError(.hostFailure, "libiscsi has no memory for a command") }
        unsafe self.task = unsafe task
        unsafe vector = .allocate(capacity: 1)
        self.buffer = buffer
        guard let buffer, command.length > 0 else { return }
        // libiscsi would go past the end; no caller asks for that.
        guard offset >= 0, offset + command.length <= buffer.count else {
            throw StorageError(.hostFailure, "A buffer of \(buffer.count) bytes is too small for a \(command.name)")
        }
        unsafe buffer.withBytes { memory in
            unsafe vector.initialize(
                to: scsi_iovec(iov_base: memory.baseAddress?.advanced(by: offset), iov_len: command.length))
        }
        // With a vector of its own a command can't be made to take more memory than it has, however much the target sends.
        if command.direction == .read {
            unsafe scsi_task_set_iov_in(task, vector, 1)
        } else {
            unsafe scsi_task_set_iov_out(task, vector, 1)
        }
    }

    deinit {
        unsafe scsi_free_scsi_task(task)
        unsafe vector.deallocate()
    }
}
