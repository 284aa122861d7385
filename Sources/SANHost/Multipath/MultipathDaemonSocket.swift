import CLinux
import Glibc
import SANModel
import SystemPackage

/// A connection to multipathd: a length of eight bytes, then a text with a NUL, in both directions.
///
/// Every call blocks, until the deadline at most.
struct MultipathDaemonSocket: ~Copyable {
    private let descriptor: Int32
    private let deadline: Deadline

    /// multipathd's name since ever; a socket of the network namespace, not of the file system.
    private static let abstractName = "/org/kernel/linux/storage/multipathd"
    /// The other name, since multipath-tools 0.12.
    private static let path = "/run/multipathd.socket"
    /// What multipathd itself takes and sends at most.
    private static let limit = 32 << 20

    /// - Throws: `unavailable`, `timed_out`, `permission_denied`, `host_failure`.
    init(_ host: HostRoot, until deadline: Deadline) throws(StorageError) {
        self.deadline = deadline
        let path = try host.resolve(Self.path)
        var result = unsafe san_unix_connect(path.string, 0)
        // A captured tree has no abstract names of its own, only this host's.
        if result == -ENOENT || result == -ECONNREFUSED, host.root == "/" {
            result = unsafe san_unix_connect(Self.abstractName, 1)
        }
        guard result >= 0 else {
            switch -result {
            case ENOENT, ECONNREFUSED:
                throw StorageError(.unavailable, "multipathd takes no connections: systemctl restart multipathd")
            case EAGAIN:
                throw StorageError(.unavailable, "multipathd doesn't take connections now: too many are waiting for it")
            case let code: throw StorageError.system(Errno(rawValue: code), "connect to multipathd at", at: path)
            }
        }
        descriptor = result
    }

    deinit {
        close(descriptor)
    }

    func send(_ text: String) throws(StorageError) {
        var message = Array(text.utf8) + [0]
        message.insert(contentsOf: unsafe withUnsafeBytes(of: UInt64(message.count)) { unsafe Array($0) }, at: 0)
        var done = 0
        while done < message.count {
            try wait(writing: true)
            let count = unsafe message[done...].withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return Int64(0) }
                return unsafe san_socket_send(descriptor, start, bytes.count)
            }
            if count == -Int64(EAGAIN) || count == -Int64(EINTR) { continue }
            guard count >= 0 else { throw broken() }
            done += Int(count)
        }
    }

    /// The reply, without its NUL and the newline at its end.
    ///
    /// - Throws: `timed_out`, `host_failure` for a reply over 32 MiB and one that is cut short.
    func receive() throws(StorageError) -> String {
        let header = try read(8)
        let length = unsafe header.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
        guard length <= Self.limit else {
            throw StorageError(.hostFailure, "multipathd announces a reply of \(length) bytes")
        }
        var bytes = try read(Int(length))
        while let last = bytes.last, last == 0 || last == 0x0A { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func read(_ count: Int) throws(StorageError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            try wait(writing: false)
            // Not more memory than what has come: the length is only announced.
            let wanted = min(count - bytes.count, 1 << 20)
            let got = unsafe withUnsafeTemporaryAllocation(byteCount: wanted, alignment: 16) { buffer in
                guard let start = buffer.baseAddress else { return Int64(0) }
                let got = unsafe san_stream_read(descriptor, start, buffer.count)
                if got > 0 { unsafe bytes.append(contentsOf: buffer.prefix(Int(got))) }
                return got
            }
            if got == -Int64(EAGAIN) || got == -Int64(EINTR) { continue }
            guard got > 0 else { throw broken() }
        }
        return bytes
    }

    private func wait(writing isWriting: Bool) throws(StorageError) {
        while true {
            let result = san_descriptor_wait(descriptor, isWriting ? 1 : 0, deadline.pollMilliseconds)
            if result > 0 { return }
            guard result == 0 else { throw broken() }
            if deadline.hasPassed { throw StorageError(.timedOut, "Waited in vain for multipathd's answer") }
        }
    }

    private func broken() -> StorageError {
        StorageError(.unavailable, "multipathd closed the connection in the middle of an answer")
    }
}
