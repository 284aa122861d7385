public import SANHost
import SANModel
public import SystemPackage

/// A block device of the kernel on a sparse file of the test's own (`losetup`); needs root.
public final class LoopDevice: Sendable {
    /// As `loop7`.
    public let name: String
    /// What is on the device, in whole.
    public let file: FilePath
    private let folder: TemporaryFolder

    private init(name: String, file: FilePath, _ folder: TemporaryFolder) {
        self.name = name
        self.file = file
        self.folder = folder
    }

    public var node: String { "/dev/\(name)" }

    /// As sysfs has it.
    public func block() throws -> BlockDevice {
        guard let block = try BlockDevice.named(name, on: HostRoot("/")) else {
            throw StorageError(.notFound, "There is no \(name)")
        }
        return block
    }

    /// Lends a device, and takes it away whatever the test does.
    ///
    /// - Parameters:
    ///   - place: the folder of its file; nil for one of its own.
    ///   - options: further ones of `losetup`.
    public static func with<Value>(
        bytes: Int64, blockSize: Int = 512, in place: FilePath? = nil, options: [String] = [],
        _ body: (LoopDevice) async throws -> Value
    ) async throws -> Value {
        let folder = try TemporaryFolder()
        let file = (place ?? folder.path).appending("disk")
        let descriptor = try FileDescriptor.open(
            file, .readWrite, options: [.create], permissions: [.ownerReadWrite])
        try descriptor.closeAfter { try descriptor.resize(to: bytes) }
        let arguments = ["--find", "--show", "--sector-size", "\(blockSize)"] + options + [file.string]
        let node = try await run("losetup", arguments)
        let name = String(node.prefix { $0 != "\n" }.dropFirst("/dev/".count))
        let loop = LoopDevice(name: name, file: file, folder)
        do {
            let value = try await body(loop)
            try await run("losetup", ["--detach", loop.node])
            return value
        } catch {
            _ = try? await run("losetup", ["--detach", loop.node])  // the test's error is the one that counts
            throw error
        }
    }

    /// Runs a program that has to succeed.
    @discardableResult
    public static func run(_ program: String, _ arguments: [String]) async throws -> String {
        let tool = Tool(name: program, package: "mount, e2fsprogs")
        let result = try await SubprocessRunner().run(Command(tool, arguments), until: .after(.seconds(120)))
        guard result.status == 0 else {
            throw StorageError(.hostFailure, "\(program) exited with \(result.status): \(result.diagnostics)")
        }
        return String(decoding: result.output, as: UTF8.self)
    }
}
