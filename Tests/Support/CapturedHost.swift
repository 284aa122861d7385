import FoundationEssentials
public import SANHost
import SystemPackage

/// A host's files as a real one had them, expanded from text below a private folder.
///
/// Each line is a letter, a path, and what is there: `D` a folder, `L` a link and where it leads, `F` a file and its text (`\n`, `\t` and `\\`
/// escaped), `B` a file and its bytes in hex, `W` a file that can only be written, empty here. `#` begins a remark.
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
        for line in capture.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count >= 2 else { throw Malformed(line: String(line)) }
            let (path, content) = (String(parts[1]), parts.count > 2 ? String(parts[2]) : "")
            switch parts[0] {
            case "D": try makeFolder(at(path))
            case "L": try link(path, to: content)
            case "F": try write(path, CapturedHost.unescaped(content))
            case "B": try write(path, bytes: try CapturedHost.bytes(hex: content, line))
            case "W": try write(path, "")
            default: throw Malformed(line: String(line))
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

    public func write(_ path: String, _ text: String) throws {
        try write(path, bytes: Array(text.utf8))
    }

    public func read(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: at(path))), as: UTF8.self)
    }

    public func remove(path: String) throws {
        try FileManager.default.removeItem(atPath: at(path))
    }

    public func link(_ path: String, to target: String) throws {
        try makeFolder(parent(of: path))
        try? FileManager.default.removeItem(atPath: at(path))  // there may be none
        try FileManager.default.createSymbolicLink(atPath: at(path), withDestinationPath: target)
    }

    /// What a line can't be read as.
    public struct Malformed: Error {
        public var line: String
    }

    private func write(_ path: String, bytes: [UInt8]) throws {
        try makeFolder(parent(of: path))
        try Data(bytes).write(to: URL(filePath: at(path)))
    }

    private func at(_ path: String) -> String { folder.path.string + path }

    private func parent(of path: String) -> String { FilePath(at(path)).removingLastComponent().string }

    private func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    private static func unescaped(_ text: String) -> String {
        var result = ""
        var rest = text.makeIterator()
        while let character = rest.next() {
            guard character == "\\", let next = rest.next() else {
                result.append(character)
                continue
            }
            switch next {
            case "n": result.append("\n")
            case "t": result.append("\t")
            default: result.append(next)
            }
        }
        return result
    }

    private static func bytes(hex text: String, _ line: Substring) throws -> [UInt8] {
        let digits = Array(text.utf8)
        return try stride(from: 0, to: digits.count - 1, by: 2).map { index in
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
                throw Malformed(line: String(line))
            }
            return byte
        }
    }
}
