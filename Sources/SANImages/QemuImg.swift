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

    /// What is converted, and to what.
    package struct Conversion: Sendable, Hashable {
        package var origin: ImagePlace
        package var format: String
        /// The overlay with the image's start, see ``FrozenHeader``; nil for raw data, whose bytes mean nothing to QEMU.
        package var frozen: FilePath?
        package var target: ImagePlace
        package var targetFormat: String
        /// For a target that `qemu-img` makes.
        package var options: [String]
        /// A target that is there already, empty.
        package var isTargetMade: Bool

        package init(
            _ origin: ImagePlace, format: String, frozen: FilePath?, to target: ImagePlace, format targetFormat: String,
            options: [String] = [], isTargetMade: Bool = false
        ) {
            (self.origin, self.format, self.frozen) = (origin, format, frozen)
            (self.target, self.targetFormat, self.options) = (target, targetFormat, options)
            self.isTargetMade = isTargetMade
        }
    }

    /// - Parameter passphrase: of the target: it is opened with that, or made with it.
    package func convert(
        _ conversion: Conversion, passphrase: SecretBytes?, until deadline: Deadline
    ) async throws(StorageError) {
        var arguments = ["convert", "-q", "-O", conversion.targetFormat] + QemuImg.secret(passphrase)
        let target: String
        if conversion.isTargetMade {
            arguments.append("-n")
            // What isn't written of a LUKS payload reads as noise.
            if conversion.targetFormat != "luks" { arguments.append("--target-is-zero") }
            target = QemuImg.blockNode(
                conversion.target, format: conversion.targetFormat, backing: .none,
                encryption: passphrase == nil ? nil : "luks")
        } else {
            if !conversion.options.isEmpty { arguments += ["-o", conversion.options.joined(separator: ",")] }
            target = conversion.target.name
        }
        arguments += [
            QemuImg.blockNode(conversion.origin, format: conversion.format, frozen: conversion.frozen, backing: .none),
            target,
        ]
        // A target that is there has its key, and a copy of all data isn't tried again.
        let attempts = conversion.isTargetMade ? 1 : QemuImg.attempts
        try await run(arguments, passphrase, attempts: attempts, until: deadline)
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

    /// - Throws: `authentication_failed` where the passphrase isn't that of an encrypted image.
    package func resize(
        _ place: ImagePlace, _ resize: Resize, passphrase: SecretBytes?, until deadline: Deadline
    ) async throws(StorageError) {
        var arguments = ["resize", "-q"] + QemuImg.secret(passphrase)
        if resize.shrinks { arguments.append("--shrink") }
        if resize.allocates { arguments.append("--preallocation=falloc") }
        let node = QemuImg.blockNode(
            place, format: resize.format, backing: resize.backing, encryption: resize.isEncrypted ? "luks" : nil)
        do throws(StorageError) {
            try await run(arguments + [node, "\(resize.capacity)"], passphrase, until: deadline)
        } catch {
            guard resize.isEncrypted, error.code == .hostFailure, error.subject.values[.tool] != nil,
                await isLocked(node, passphrase)
            else { throw error }
            throw StorageError(
                .authenticationFailed, "The secret isn't the one that the volume was encrypted with", causes: [error])
        }
    }

    /// Whether an image can be looked at and not opened: the passphrase is wrong then.
    ///
    /// `qemu-img` ends with 1 whatever fails. Its `info` opens an image without its key; its `check` needs that, and ends with 1 only where the
    /// image can't be opened or its tables can't be read.
    ///
    /// The resize may have taken all of its time, so this has its own.
    ///
    /// - Returns: false where it can't be told.
    private func isLocked(_ node: String, _ passphrase: SecretBytes?) async -> Bool {
        let deadline = Deadline.after(QemuImg.lookTime)
        var ends: [Int32] = []
        for verb in ["info", "check"] {
            var input = QemuImg.input(passphrase)
            defer { SecretBytes.wipe(&input) }
            let command = Command(.qemuImg, [verb] + QemuImg.secret(passphrase) + [node], input: input)
            do throws(StorageError) {
                ends.append(try await commands.run(command, until: deadline).status)
            } catch {
                return false
            }
        }
        return ends == [0, 1]
    }

    /// For the derivation of a key, two seconds on an idle machine, twice.
    private static let lookTime = Duration.seconds(30)

    /// What takes the place of the backing file that a header may name.
    package enum StandIn: Sendable, Hashable {
        case none
        /// A raw file that reads as zeros.
        case zeros(FilePath)
    }

    /// A block node as QEMU's `json:` pseudo-protocol has it.
    ///
    /// - Parameter encryption: the kind that is inside of an image's own format, opened with the secret; for the format `luks` any.
    package static func blockNode(
        _ place: ImagePlace, format: String, frozen: FilePath? = nil, backing: StandIn, encryption: String? = nil
    ) -> String {
        var file = place.node
        if let frozen {
            let rest = "{\"driver\":\"raw\",\"file\":\(file)}"
            file = "{\"driver\":\"qcow2\",\"file\":\(ImagePlace.file(frozen).node),\"backing\":\(rest)}"
        }
        var node = "json:{\"driver\":\(JSONWord(format)),\"file\":\(file)"
        if ["qcow2", "qcow", "qed", "vmdk"].contains(format) {
            switch backing {
            case .none: node += ",\"backing\":null"
            case .zeros(let file): node += ",\"backing\":{\"driver\":\"raw\",\"file\":\(ImagePlace.file(file).node)}"
            }
        }
        if let encryption {
            node +=
                format == "luks"
                ? ",\"key-secret\":\(JSONWord(secretID))"
                : ",\"encrypt\":{\"format\":\(JSONWord(encryption)),\"key-secret\":\(JSONWord(secretID))}"
        }
        return node + "}"
    }

    /// The passphrase comes through standard input: not in an argument, not in a file.
    private static func secret(_ passphrase: SecretBytes?) -> [String] {
        passphrase == nil ? [] : ["--object", "secret,id=\(secretID),file=/dev/stdin"]
    }

    private static func input(_ passphrase: SecretBytes?) -> [UInt8] {
        passphrase?.withBytes { bytes in bytes.indices.map { bytes[$0] } } ?? []
    }

    /// QEMU takes passphrases that are text (`qcrypto_secret_lookup_as_utf8`, QEMU 7.2), and one more try says no more.
    private static func requireText(_ passphrase: SecretBytes?) throws(StorageError) {
        guard let passphrase else { return }
        var bytes = input(passphrase)
        defer { SecretBytes.wipe(&bytes) }
        guard !bytes.isEmpty, !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            throw StorageError(
                .invalidArgument, "The secret's value isn't a passphrase that QEMU takes: it must be UTF-8 text")
        }
    }

    /// How often an encrypted image is tried to be made.
    ///
    /// QEMU times the derivation of the key first, and gives up ("Unable to get accurate CPU usage") where the kernel's account of its time
    /// doesn't move meanwhile: seen in one of five runs of QEMU 7.2 on a busy machine.
    private static let attempts = 5

    private func run(
        _ arguments: [String], _ passphrase: SecretBytes?, attempts: Int = 1, until deadline: Deadline
    ) async throws(StorageError) {
        try QemuImg.requireText(passphrase)
        var command = Command(.qemuImg, arguments, input: QemuImg.input(passphrase), isLeashed: true)
        defer { SecretBytes.wipe(&command.input) }
        var output = try await commands.run(command, until: deadline)
        var left = passphrase == nil ? 0 : attempts - 1
        while output.status != 0, left > 0 {
            output = try await commands.run(command, until: deadline)
            left -= 1
        }
        guard output.status != 0 else { return }
        let said = output.diagnostics.split(separator: "\n").joined(separator: " ").printable
        throw StorageError(
            .hostFailure, "qemu-img \(arguments[0]) ended with status \(output.status): \(said)",
            subject: .tool("qemu-img"))
    }
}
