import Glibc
import Testing

/// An initiator that sends what a test wants, in one connection and without a thought.
struct RawInitiator: ~Copyable {
    /// Nobody listens at the port.
    struct Refused: Error {}

    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        name.sin_port = port.bigEndian
        let descriptor = descriptor
        let result = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Refused() }
    }

    deinit {
        close(descriptor)
    }

    static func bytes(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func header(_ opcode: UInt8, flags: UInt8, tag: UInt32, sequence: UInt32 = 1) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 48)
        header[0] = opcode
        header[1] = flags
        header.replaceSubrange(16..<20, with: bytes(tag))
        header.replaceSubrange(24..<28, with: bytes(sequence))
        return header
    }

    static func command(
        _ cdb: [UInt8], lun: UInt8 = 0, tag: UInt32, reads: UInt32 = 0, sequence: UInt32
    ) -> [UInt8] {
        var header = header(0x01, flags: reads > 0 ? 0xC0 : 0x80, tag: tag, sequence: sequence)
        header[9] = lun
        header.replaceSubrange(20..<24, with: bytes(reads))
        header.replaceSubrange(32..<32 + cdb.count, with: cdb)
        return header
    }

    /// Logs in with one request.
    ///
    /// - Returns: status class and detail.
    func login(_ keys: String...) throws -> UInt32 {
        let text = (["InitiatorName=iqn.2024-01.com.example:raw"] + keys).map { $0 + "\0" }.joined()
        try send(Self.header(0x43, flags: 0x87, tag: 1), Array(text.utf8))
        return Self.number(try receive().header[36..<38])
    }

    func send(_ header: [UInt8], _ data: [UInt8] = []) throws {
        var unit = header
        unit.replaceSubrange(4..<8, with: Self.bytes(UInt32(data.count)))
        unit += data + [UInt8](repeating: 0, count: (4 - data.count % 4) % 4)
        let sent = unsafe unit.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        try #require(sent == unit.count)
    }

    func receive() throws -> (header: [UInt8], data: [UInt8]) {
        let header = try receive(48)
        let length = Int(Self.number(header[5..<8]))
        return (header, Array(try receive((length + 3) & ~3).prefix(length)))
    }

    private func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard count > 0 else { return bytes }
        let received = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, count, Int32(MSG_WAITALL))
        }
        try #require(received == count)
        return bytes
    }
}
