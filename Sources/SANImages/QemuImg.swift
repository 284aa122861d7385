import SANEngine
import SANHost
import SANModel
import SystemPackage

/// `qemu-img`, always told the format of every image; no image's header makes it open another file.
package struct QemuImg: Sendable {
    private let commands: any CommandRunner

    package init(commands: any CommandRunner) {
        self.commands = commands
    }

    /// The id of the secret object that options refer to.
    package static let secretID = "sec0"

    package func create(
        _ path: FilePath, format: String, options: [String], backing: Backing? = nil, capacity: ByteCount,
        passphrase: SecretBytes?, until deadline: Deadline
    ) async throws(StorageError) {
        var arguments = ["create", "-q", "-f", format] + QemuImg.secret(passphrase)
        // -u: the backing file isn't opened; its size has been asked for where it was needed.
        if let backing { arguments += ["-u", "-b", backing.name, "-F", backing.format] }
        if !options.isEmpty { arguments += ["-o", options.joined(separator: ",")] }
        try await run(
            arguments + [path.string, "\(capacity)"], passphrase, attempts: QemuImg.attempts, until: deadline)
    }

    package struct Backing: Sendable, Hashable {
        package var name: String
        package var format: String
    }

    /// - Parameter frozen: the overlay with the image's start, see ``FrozenHeader``; nil for raw data, whose bytes mean nothing to QEMU.
    package func convert(
        _ origin: FilePath, format: String, frozen: FilePath?, to path: FilePath, format target: String,
        options: [String], passphrase: SecretBytes?, until deadline: Deadline
    ) async throws(StorageError) {
        var arguments = ["convert", "-q", "-O", target] + QemuImg.secret(passphrase)
        if !options.isEmpty { arguments += ["-o", options.joined(separator: ",")] }
        arguments += [QemuImg.blockNode(origin, format: format, frozen: frozen, backing: .none), path.string]
        try await run(arguments, passphrase, attempts: QemuImg.attempts, until: deadline)
    }

    package struct Resize: Sendable, Hashable {
        package var format: String
        package var capacity: ByteCount
        package var shrinks: Bool
        package var allocates: Bool
        package var isEncrypted: Bool
        /// What QEMU takes for the backing file: never what the image's header names.
        package var backing: StandIn

        package init(
            format: String, capacity: ByteCount, shrinks: Bool, allocates: Bool, isEncrypted: Bool,
            backing: StandIn = .none
        ) {
            self.format = format
            self.capacity = capacity
            self.shrinks = shrinks
            self.allocates = allocates
            self.isEncrypted = isEncrypted
            self.backing = backing
        }
    }

    package func resize(
        _ path: FilePath, _ resize: Resize, passphrase: SecretBytes?, until deadline: Deadline
    ) async throws(StorageError) {
        var arguments = ["resize", "-q"] + QemuImg.secret(passphrase)
        if resize.shrinks { arguments.append("--shrink") }
        if resize.allocates { arguments.append("--preallocation=falloc") }
        let node = QemuImg.blockNode(
            path, format: resize.format, backing: resize.backing, encryption: resize.isEncrypted ? "luks" : nil)
        try await run(arguments + [node, "\(resize.capacity)"], passphrase, until: deadline)
    }

    /// What takes the place of the backing file that a header may name.
    package enum StandIn: Sendable, Hashable {
        case none
        /// A raw file that reads as zeros.
        case zeros(FilePath)
    }

    /// A block node as QEMU's `json:` pseudo-protocol has it.
    package static func blockNode(
        _ path: FilePath, format: String, frozen: FilePath? = nil, backing: StandIn, encryption: String? = nil
    ) -> String {
        var file = fileNode(path)
        if let frozen {
            let rest = "{\"driver\":\"raw\",\"file\":\(file)}"
            file = "{\"driver\":\"qcow2\",\"file\":\(fileNode(frozen)),\"backing\":\(rest)}"
        }
        var node = "json:{\"driver\":\(json(format)),\"file\":\(file)"
        if ["qcow2", "qcow", "qed", "vmdk"].contains(format) {
            switch backing {
            case .none: node += ",\"backing\":null"
            case .zeros(let file): node += ",\"backing\":{\"driver\":\"raw\",\"file\":\(fileNode(file))}"
            }
        }
        if let encryption {
            node += ",\"encrypt\":{\"format\":\(json(encryption)),\"key-secret\":\(json(secretID))}"
        }
        return node + "}"
    }

    private static func fileNode(_ path: FilePath) -> String {
        "{\"driver\":\"file\",\"filename\":\(json(path.string))}"
    }

    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// The passphrase comes through standard input: not in an argument, not in a file.
    private static func secret(_ passphrase: SecretBytes?) -> [String] {
        passphrase == nil ? [] : ["--object", "secret,id=\(secretID),file=/dev/stdin"]
    }

    /// How often an encrypted image is tried to be made.
    ///
    /// QEMU times the derivation of the key first, and gives up ("Unable to get accurate CPU usage") where the kernel's account of its time
    /// doesn't move meanwhile: seen in one of five runs of QEMU 7.2 on a busy machine.
    private static let attempts = 5

    private func run(
        _ arguments: [String], _ passphrase: SecretBytes?, attempts: Int = 1, until deadline: Deadline
    ) async throws(StorageError) {
        var input = passphrase?.withBytes { bytes in bytes.indices.map { bytes[$0] } } ?? []
        defer { SecretBytes.wipe(&input) }
        var output = try await commands.run(Command(.qemuImg, arguments, input: input), until: deadline)
        var left = passphrase == nil ? 0 : attempts - 1
        while output.status != 0, left > 0 {
            output = try await commands.run(Command(.qemuImg, arguments, input: input), until: deadline)
            left -= 1
        }
        guard output.status != 0 else { return }
        let said = output.diagnostics.split(separator: "\n").joined(separator: " ").printable
        throw StorageError(
            .hostFailure, "qemu-img \(arguments[0]) ended with status \(output.status): \(said)",
            subject: .tool("qemu-img"))
    }
}
