import FoundationEssentials
public import SANHost
import SystemPackage

/// A host's files as a real one had them, expanded from text below a private folder: what `sanctl host capture` writes (``CaptureEntry``).
///
/// Each line is a letter, a path, and what is there: `D` a folder, `L` a link and where it leads, `F` a file and its text (`\n`, `\t` and `\\`
/// escaped, in a path a space as `\s`), `B` a file and its bytes in hex, `W` a file that can only be written, empty here. `#` begins a remark.
public final class CapturedHost: Sendable {
    private let folder: TemporaryFolder

    public var root: HostRoot { HostRoot(folder.path) }

    /// - Parameter captures: texts, a later one over an earlier one.
    public init(_ captures: String...) throws {
        folder = try TemporaryFolder()
        for capture in captures { try add(capture) }
    }

    /// Adds what a capture has: what appeared on the host.
    public func add(_ capture: String) throws {
        var made: Set<String> = []
        // By bytes: a test may expand its host several times, and captures are long.
        for line in Array(capture.utf8).split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count >= 2, parts[0].count == 1, let kind = parts[0].first else { throw Malformed(line) }
            let path = at(String(decoding: CapturedHost.unescaped(parts[1]), as: UTF8.self))
            let content = parts.count > 2 ? parts[2] : []
            let folder = kind == UInt8(ascii: "D") ? path : Self.folder(of: path)
            if made.insert(folder).inserted { try makeFolder(folder) }
            switch kind {
            case UInt8(ascii: "D"): break
            case UInt8(ascii: "L"):
                try? FileManager.default.removeItem(atPath: path)  // there may be none
                try FileManager.default.createSymbolicLink(
                    atPath: path, withDestinationPath: String(decoding: content, as: UTF8.self))
            case UInt8(ascii: "F"): try Data(CapturedHost.unescaped(content)).write(to: URL(filePath: path))
            case UInt8(ascii: "B"): try Data(try CapturedHost.bytes(hex: content)).write(to: URL(filePath: path))
            case UInt8(ascii: "W"): try Data().write(to: URL(filePath: path))
            default: throw Malformed(line)
            }
        }
    }

    /// Takes away what a capture has: what went from the host.
    public func remove(_ capture: String) throws {
        for line in capture.split(separator: "\n").reversed() where !line.hasPrefix("#") {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count >= 2 else { continue }
            try? FileManager.default.removeItem(atPath: at(String(parts[1])))  // a folder above it went before
        }
    }

    public func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

    public func write(_ path: String, _ bytes: [UInt8]) throws {
        try makeFolder(Self.folder(of: at(path)))
        try Data(bytes).write(to: URL(filePath: at(path)))
    }

    public func read(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: at(path))), as: UTF8.self)
    }

    public func remove(path: String) throws {
        try FileManager.default.removeItem(atPath: at(path))
    }

    /// What a line can't be read as.
    public struct Malformed: Error {
        public var line: String

        init(_ line: ArraySlice<UInt8>) {
            self.line = String(decoding: line, as: UTF8.self)
        }
    }

    /// By text: a capture has thousands of paths.
    private static func folder(of path: String) -> String {
        String(path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.endIndex)])
    }

    private func at(_ path: String) -> String { folder.path.string + path }

    private func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var isEscaped = false
        for byte in text {
            switch (isEscaped, byte) {
            case (false, UInt8(ascii: "\\")):
                isEscaped = true
                continue
            case (true, UInt8(ascii: "n")): result.append(0x0A)
            case (true, UInt8(ascii: "t")): result.append(0x09)
            case (true, UInt8(ascii: "s")): result.append(0x20)
            default: result.append(byte)
            }
            isEscaped = false
        }
        return result
    }

    private static func bytes(hex text: ArraySlice<UInt8>) throws -> [UInt8] {
        var result: [UInt8] = []
        var rest = text
        while let high = rest.popFirst() {
            guard let low = rest.popFirst(), let byte = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { throw Malformed(text) }
            result.append(byte)
        }
        return result
    }
}
