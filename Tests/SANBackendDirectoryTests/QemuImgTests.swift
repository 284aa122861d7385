import SANEngine
import SANHost
import SANModel
import SystemPackage
import Testing

@testable import SANBackendDirectory
@testable import SANImages

/// What qemu-img is told.
@Suite struct QemuImgTests {
    private func commands(_ change: (inout VolumeDefinition) -> Void) async throws -> [Command] {
        let runner = RecordingRunner(status: 1)
        var fixture = try await DirectoryFixture(commands: runner)
        fixture.secrets = FixedSecrets(passphrase: "hunter2")
        var definition = VolumeDefinition(name: "v", capacity: 1 << 30)
        change(&definition)
        do throws(StorageError) {
            _ = try await fixture.pool.createVolume(VolumeRequest(definition), in: fixture.context)
            Issue.record("qemu-img failed, so must the creation")
        } catch {
            #expect(error.code == .hostFailure)
            #expect(!error.description.contains("\u{1B}"))
            #expect(!error.description.contains("hunter2"))
        }
        #expect(try fixture.names().isEmpty)
        return runner.commands
    }

    @Test func `The format is always given, and a backing file isn't opened`() async throws {
        let command = try #require(
            try await commands {
                $0.target.format = .qcow2
                $0.backingStore = BackingStore(path: "/a,b.raw")
            }.first)
        let arguments = command.arguments
        #expect(arguments.prefix(4) == ["create", "-q", "-f", "qcow2"])
        #expect(arguments[4..<9] == ["-u", "-b", "/a,b.raw", "-F", "raw"])
        #expect(arguments[9..<11] == ["-o", "compat=0.10"])
        #expect(arguments.last == "1073741824")
        #expect(command.input.isEmpty)
    }

    /// L89: a passphrase goes through standard input.
    @Test func `A passphrase is in no argument`() async throws {
        let command = try #require(
            try await commands {
                $0.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("u")])
            }.first)
        #expect(command.input == Array("hunter2".utf8))
        #expect(!command.arguments.contains { $0.contains("hunter2") })
        #expect(command.arguments.contains("secret,id=sec0,file=/dev/stdin"))
        #expect(command.arguments.contains("luks"))
        #expect(command.environment.isEmpty)
    }

    /// On a busy machine QEMU can't always time the derivation of a key, and gives up.
    @Test func `An encrypted image is tried again`() async throws {
        let encrypted = try await commands {
            $0.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("u")])
        }
        #expect(encrypted.count == 5)
        #expect(encrypted.allSatisfy { $0.arguments == encrypted[0].arguments && $0.input == encrypted[0].input })
        #expect(try await commands { $0.target.format = .qcow2 }.count == 1)
    }

    /// It would be told after hours of conversion.
    @Test(arguments: ["vmdk", "vdi", "vpc", "qcow", "qcow2", "qed"] as [VolumeFormat])
    func `A copy that can't become larger is refused before it is made`(format: VolumeFormat) async throws {
        let runner = RecordingRunner()
        let fixture = try await DirectoryFixture(commands: runner)
        try fixture.write("origin", [UInt8](repeating: 7, count: 1 << 20))
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("origin"), pool: fixture.pool)
        var definition = VolumeDefinition(name: "copy", capacity: 2 << 20)
        definition.target.format = format
        let error = await #expect(throws: StorageError.self) {
            try await fixture.pool.createVolume(VolumeRequest(definition, origin: origin), in: fixture.context)
        }
        let grows = [.qcow2, "qed"].contains(format)
        #expect(runner.commands.isEmpty == !grows)
        #expect((error?.code == .unsupported) == !grows)
        #expect(error?.message.contains("leave the capacity out, or copy it to qcow2") == !grows)
        #expect(try fixture.names() == ["origin"])
    }

    // MARK: A wrong passphrase

    /// Plays a `qemu-img` whose `resize` fails when its time is up.
    private final class FailingResize: CommandRunner {
        /// How its `info` ends: nil for a wait that ends without it.
        let info: Int32?

        init(info: Int32?) { self.info = info }

        func locate(_ tool: Tool) -> FilePath? { FilePath("/usr/bin").appending(tool.name) }

        func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
            guard command.arguments[0] != "resize" else {
                guard deadline.hasPassed else { throw StorageError(.timedOut, "The test gives no time") }
                return CommandOutput(status: 1, diagnostics: "it failed")
            }
            guard !deadline.hasPassed else { throw StorageError(.timedOut, "There is no time left") }
            guard command.arguments[0] == "info" else { return CommandOutput(status: 1) }
            guard let info else { throw StorageError(.cancelled, "The wait has ended") }
            return CommandOutput(status: info)
        }
    }

    @Test(
        arguments: [
            (0, .authenticationFailed), (1, .hostFailure), (nil, .hostFailure),
        ] as [(Int32?, StorageError.Code)])
    func `A resize that fails is told as it failed, unless the passphrase is seen to be wrong`(
        info: Int32?, code: StorageError.Code
    ) async {
        let resize = QemuImg.Resize(
            format: "qcow2", capacity: 1 << 20, shrinks: false, allocates: false, isEncrypted: true)
        let error = await #expect(throws: StorageError.self) {
            try await QemuImg(commands: FailingResize(info: info)).resize(
                .file("/v"), resize, passphrase: SecretBytes("x".utf8), until: .after(.zero))
        }
        #expect(error?.code == code)
        #expect(error?.description.contains("it failed") == true || error?.causes.count == 1)
    }

    @Test func `A block node names its driver and closes its chain`() {
        let node = QemuImg.blockNode(.file("/p/a\"b\\c"), format: "qcow2", backing: .none)
        #expect(
            node == #"json:{"driver":"qcow2","file":{"driver":"file","filename":"/p/a\"b\\c"},"backing":null}"#)
        #expect(!QemuImg.blockNode(.file("/p/a"), format: "raw", backing: .none).contains("backing"))
    }

    @Test func `Options that make no sense are refused before anything runs`() async throws {
        let runner = RecordingRunner()
        let fixture = try await DirectoryFixture(commands: runner)
        let changes: [(inout VolumeDefinition) -> Void] = [
            { $0.target.compat = "1.1,backing_file=/etc/passwd" }, { $0.target.clusterSize = 1000 },
            { $0.target.clusterSize = 4 << 20 },
            { $0.backingStore = BackingStore(path: "json:{\"driver\":\"nbd\"}", format: .raw) },
            { $0.backingStore = BackingStore(path: "a", format: "raw,x") },
            { $0.target.encryption = EncryptionDefinition(format: .luks) },
            { definition in
                var encryption = EncryptionDefinition(format: .luks, secrets: [.usage("u")])
                encryption.cipher = .init(name: "aes,key-secret=x", size: 256)
                definition.target.encryption = encryption
            },
            { $0.target.permissions = Permissions(mode: 0o4755) },
        ]
        for change in changes {
            await expect(.invalidArgument) {
                try await fixture.create("v", 1 << 20) {
                    $0.target.format = .qcow2
                    change(&$0)
                }
            }
        }
        #expect(runner.commands.isEmpty)
        await expect(.unsupported) {
            try await fixture.create("v", 1 << 20) {
                $0.target.encryption = EncryptionDefinition(format: .qcow, secrets: [.usage("u")])
            }
        }
    }
}
