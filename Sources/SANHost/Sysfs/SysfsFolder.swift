import CLinux
import Glibc
public import SANModel
public import SystemPackage

/// A folder of sysfs, by the path that the host has for it: one hop from any symbolic link, every attribute a bounded read.
///
/// Sysfs is asked for one thing at a time, and a device may go between two questions: what isn't there any more is nil, not an error.
public struct SysfsFolder: Sendable, Hashable {
    public let host: HostRoot
    /// Absolute, without a link in it where it came from ``target(of:)``: `/sys/devices/pci0000:00/…/host2`.
    public let path: String

    /// What an attribute may have at most; the kernel's text attributes end at a page.
    private static let textLimit = 4096

    public init(_ path: String, on host: HostRoot) {
        self.host = host
        self.path = path
    }

    /// The last part of the path.
    public var name: String {
        String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    }

    /// The folder that this one is in.
    public var parent: SysfsFolder {
        SysfsFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]), on: host)
    }

    public subscript(_ name: String) -> SysfsFolder { SysfsFolder("\(path)/\(name)", on: host) }

    /// Whether there is anything at the path, a link that leads nowhere included.
    public func exists() throws(StorageError) -> Bool {
        try LocalFile(try host.resolve(path)).status() != nil
    }

    /// A text attribute without the newline at its end; nil where there is none, and where its device is gone or has nothing to say
    /// (`ENODEV`, `ENXIO`, `EINVAL`, `EOPNOTSUPP`; `ENOTCONN` of an iSCSI connection that is down).
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func text(_ attribute: String) throws(StorageError) -> String? {
        guard let bytes = try bytes(attribute, limit: SysfsFolder.textLimit) else { return nil }
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0A || bytes[end - 1] == 0 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    /// A text attribute that is a decimal number, or a hexadecimal one with `0x`.
    public func number(_ attribute: String) throws(StorageError) -> UInt64? {
        guard let text = try text(attribute) else { return nil }
        return text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(decimal: text)
    }

    /// A binary attribute, `vpd_pg83`; nil as for ``text(_:)``.
    ///
    /// - Throws: `permission_denied`, `host_failure` for more than `limit` bytes too.
    public func bytes(_ attribute: String, limit: Int) throws(StorageError) -> [UInt8]? {
        let path = try host.resolvedText("\(path)/\(attribute)")
        let descriptor = unsafe san_file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
        guard descriptor >= 0 else { return try SysfsFolder.nothing(descriptor, at: path) }
        defer { san_file_close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let count = unsafe withUnsafeTemporaryAllocation(byteCount: SysfsFolder.textLimit, alignment: 16) {
                buffer in
                guard let start = buffer.baseAddress else { return Int64(0) }
                // The kernel gives all it has: what is less than asked for is the end, and needn't be asked for.
                let count = unsafe san_stream_read(descriptor, start, buffer.count)
                if count > 0 { unsafe bytes.append(contentsOf: buffer.prefix(Int(count))) }
                return count
            }
            guard count >= 0 else { return try SysfsFolder.nothing(Int32(clamping: count), at: path) }
            guard bytes.count <= limit else {
                throw StorageError(
                    .hostFailure, "\(path.printable) is longer than \(limit) bytes",
                    subject: .path(path.printable))
            }
            if count < SysfsFolder.textLimit { return bytes }
        }
    }

    /// The names in the folder, sorted by their bytes; none where there is no such folder.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func names() throws(StorageError) -> [String] {
        try LocalFolder(try host.resolve(path)).names()
    }

    /// Where a symbolic link of the folder leads; nil where there is none.
    ///
    /// Sysfs' links are relative, and lead to folders that no further link is a part of.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func target(of link: String) throws(StorageError) -> SysfsFolder? {
        guard let text = try linkText(link) else { return nil }
        return SysfsFolder(HostPath.resolving(text, from: path), on: host)
    }

    /// What a symbolic link of the folder holds, as it is; nil where there is none.
    public func linkText(_ link: String) throws(StorageError) -> String? {
        let path = try host.resolvedText("\(path)/\(link)")
        return unsafe try withUnsafeTemporaryAllocation(byteCount: SysfsFolder.textLimit, alignment: 1) {
            buffer throws(StorageError) -> String? in
            guard let start = unsafe buffer.bindMemory(to: CChar.self).baseAddress else { return nil }
            let count = unsafe san_link_read(AT_FDCWD, path, start, buffer.count)
            guard count >= 0 else { return try SysfsFolder.nothing(Int32(clamping: count), at: path) }
            return unsafe String(decoding: buffer.prefix(Int(count)), as: UTF8.self)
        }
    }

    /// Writes an attribute in one call: `- - -` to `scan`.
    ///
    /// Blocks for as long as the kernel works on it; to be called on a thread of its own.
    ///
    /// - Parameter error: makes an error of what the kernel answered.
    /// - Throws: what `error` makes; without it `not_found`, `permission_denied`, `host_failure`.
    public func write(
        _ text: String, to attribute: String, mapping error: (Errno) -> StorageError? = { _ in nil }
    ) throws(StorageError) {
        let path = try host.resolvedText("\(path)/\(attribute)")
        let descriptor = unsafe san_file_open(AT_FDCWD, path, O_WRONLY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else {
            let code = Errno(rawValue: -descriptor)
            throw error(code) ?? .system(code, "open", at: FilePath(path))
        }
        defer { san_file_close(descriptor) }
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor: descriptor, $0) }
        guard count == bytes.count else {
            let code = Errno(rawValue: count < 0 ? Int32(clamping: -count) : EIO)
            throw error(code) ?? .system(code, "write '\(text.printable)' to", at: FilePath(path))
        }
    }

    private func write(descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            if errno != EINTR { return -Int(errno) }
        }
    }

    /// What a call that failed means for a reader: nothing there, or an error.
    private static func nothing<Value>(_ result: Int32, at path: String) throws(StorageError) -> Value? {
        switch -result {
        case ENOENT, ENOTDIR, ENODEV, ENXIO, EINVAL, EOPNOTSUPP, ELOOP, ENOTCONN: return nil
        case let code: throw .system(Errno(rawValue: code), "read", at: FilePath(path))
        }
    }
}

/// Paths of the host as text, where no link needs to be followed.
public enum HostPath {
    /// Whether a path may have a part `..`.
    static func mayLeadUp(_ path: String) -> Bool {
        var previous = UInt8(ascii: "/")
        var dots = 0
        for byte in path.utf8 {
            dots = byte == UInt8(ascii: ".") && (dots > 0 || previous == UInt8(ascii: "/")) ? dots + 1 : 0
            if dots == 2 { return true }
            previous = byte
        }
        return false
    }

    /// Where a link's text leads from the folder that it is in; `..` doesn't leave the root.
    public static func resolving(_ text: String, from folder: String) -> String {
        var parts = text.hasPrefix("/") ? [] : folder.split(separator: "/")
        for part in text.split(separator: "/") {
            switch part {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}
