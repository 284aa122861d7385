import Glibc
import SANModel

/// Sends messages as udevd does: by the form that libudev has read since systemd 247, to the netlink group that it listens to.
///
/// Root's messages only are believed.
final class UdevBroadcast: Sendable {
    private let descriptor: Int32

    init() throws {
        let netlink: Int32 = 16
        let kobjectEvents: Int32 = 15
        descriptor = socket(netlink, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), kobjectEvents)
        guard descriptor >= 0 else { throw StorageError(.hostFailure, "There is no netlink here") }
    }

    deinit { close(descriptor) }

    func send(action: String, subsystem: String, path: String, number: Int = 1) -> Bool {
        let properties = ["ACTION=\(action)", "DEVPATH=\(path)", "SUBSYSTEM=\(subsystem)", "SEQNUM=\(number)"]
        let text: [UInt8] = properties.flatMap { Array($0.utf8) + [UInt8(0)] }
        var message: [UInt8] = Array("libudev".utf8) + [0]
        message += bytes(UInt32(0xFEED_CAFE).bigEndian) + bytes(UInt32(40)) + bytes(UInt32(40))
        message += bytes(UInt32(text.count)) + bytes(UdevBroadcast.hash(Array(subsystem.utf8)).bigEndian)
        message += [UInt8](repeating: 0, count: 12) + text
        // struct sockaddr_nl: the family, no process, group 2 ("udev").
        var address: [UInt8] = bytes(UInt16(16)) + [0, 0] + bytes(UInt32(0)) + bytes(UInt32(2))
        return address.withUnsafeMutableBytes { raw in
            guard let start = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return sendto(descriptor, message, message.count, 0, start, socklen_t(raw.count)) == message.count
        }
    }

    private func bytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        withUnsafeBytes(of: value) { Array($0) }
    }

    /// MurmurHash2 with seed 0, which the kernel's filter compares subsystems by.
    private static func hash(_ text: [UInt8]) -> UInt32 {
        let factor: UInt32 = 0x5BD1_E995
        var hash = UInt32(text.count)
        var rest = text[...]
        while rest.count >= 4 {
            var word = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) } &* factor
            word = (word ^ word >> 24) &* factor
            hash = (hash &* factor) ^ word
            rest = rest.dropFirst(4)
        }
        if !rest.isEmpty { hash = (hash ^ rest.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) &* factor }
        hash = (hash ^ hash >> 13) &* factor
        return hash ^ hash >> 15
    }
}
