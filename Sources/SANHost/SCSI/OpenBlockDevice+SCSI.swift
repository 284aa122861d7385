import CLinux
import Glibc
import SANModel
import SystemPackage

extension OpenBlockDevice {
    /// How a SCSI command failed.
    enum CommandFailure: Error, Sendable, Hashable {
        case sense(SenseData)
        /// A SCSI status without sense data: 8 busy, 0x18 reservation conflict.
        case status(UInt8)
        /// What the kernel's driver says, `DID_…`.
        case host(UInt16)
        case system(Errno)

        /// Whether the unit doesn't know the command.
        var isUnsupported: Bool {
            if case .sense(let sense) = self { return sense.isUnsupportedCommand }
            return false
        }

        var isUnitAttention: Bool {
            if case .sense(let sense) = self { return sense.isUnitAttention }
            return false
        }
    }

    /// How often a command is sent again after a UNIT ATTENTION: a unit may have several to tell.
    private static let attentionLimit = 8

    /// Sends a command to the unit behind the device, and again after each UNIT ATTENTION.
    ///
    /// Blocks until the unit has answered or the kernel's error handling is through; to be called on a thread of its own. Reads of data about
    /// the unit need no privilege but the open descriptor.
    ///
    /// - Returns: the bytes that came; those that the unit left alone are cut off.
    func send(_ command: SCSICommand, timeout: Duration) throws(CommandFailure) -> [UInt8] {
        for _ in 1..<OpenBlockDevice.attentionLimit {
            do throws(CommandFailure) {
                return try sendOnce(command, timeout)
            } catch {
                if !error.isUnitAttention { throw error }
            }
        }
        return try sendOnce(command, timeout)
    }

    private func sendOnce(_ command: SCSICommand, _ timeout: Duration) throws(CommandFailure) -> [UInt8] {
        var data = [UInt8](repeating: 0, count: command.length)
        var outcome = san_scsi_outcome()
        let direction =
            switch command.direction {
            case .none: SAN_SCSI_NO_DATA
            case .read: SAN_SCSI_FROM_UNIT
            case .write: SAN_SCSI_TO_UNIT
            }
        let time = timeout.components
        let milliseconds = UInt32(clamping: min(time.seconds, 86_400) * 1000 + time.attoseconds / 1_000_000_000_000_000)
        let code: Int32 = unsafe command.block.withUnsafeBufferPointer { block in
            unsafe data.withUnsafeMutableBytes { bytes in
                guard let start = block.baseAddress else { return -Int32(EINVAL) }
                return unsafe san_scsi_command(
                    descriptor, start, block.count, Int32(direction), bytes.baseAddress,
                    UInt32(bytes.count), max(1, milliseconds), &outcome)
            }
        }
        guard code == 0 else { throw .system(Errno(rawValue: -code)) }
        let sense = unsafe withUnsafeBytes(of: outcome.sense) { unsafe Array($0.prefix(Int(outcome.sense_length))) }
        if outcome.host != 0 { throw .host(outcome.host) }
        if outcome.status != 0 {
            if let sense = SenseData(sense) { throw .sense(sense) }
            throw .status(outcome.status)
        }
        return Array(data.prefix(max(0, data.count - Int(outcome.residual))))
    }
}

extension OpenBlockDevice.CommandFailure {
    /// As our error.
    ///
    /// - Parameter unit: for the message: `0:0:1:3`.
    func error(_ command: SCSICommand, unit: String) -> StorageError {
        let subject = StorageError.Subject.device(unit)
        switch self {
        case .sense(let sense):
            let code: StorageError.Code =
                sense.isUnknownUnit ? .notFound : sense.key == SenseData.notReady ? .unavailable : .backendFailure
            return StorageError(code, "\(unit) refused \(command.name): \(sense)", subject: subject)
        case .status(let status):
            let code: StorageError.Code = status == 0x08 || status == 0x18 || status == 0x28 ? .busy : .backendFailure
            return StorageError(
                code, "\(unit) ended \(command.name) with status 0x\(hexadecimal(status, digits: 2))", subject: subject)
        // DID_TIME_OUT of linux/include/scsi/scsi_status.h
        case .host(3): return StorageError(.timedOut, "\(unit) didn't answer \(command.name) in time", subject: subject)
        case .host(let status):
            return StorageError(
                .unavailable,
                "\(unit) couldn't be sent \(command.name): the kernel's driver says 0x\(hexadecimal(status, digits: 2))",
                subject: subject)
        case .system(let code):
            let gone = [ENODEV, ENXIO].contains(code.rawValue)
            return StorageError(
                gone ? .notFound : .hostFailure,
                gone ? "\(unit) is gone" : "\(unit) couldn't be sent \(command.name): \(code)", subject: subject)
        }
    }
}
