import Glibc
import SANHost
import SANModel
import SANTestSupport
import SANXML
import Synchronization
import SystemPackage
import Testing

@testable import SANEngine

@Suite("Secrets")
struct SecretTests {
    private static let value = "s3cr3t-\u{0}-value"

    private func secret(
        _ kind: SecretDefinition.Usage.Kind = .iscsi, _ name: String = "target", uuid: StorageUUID? = nil
    ) -> SecretDefinition {
        SecretDefinition(uuid: uuid, usage: .init(kind: kind, name: name))
    }

    private func bytes(_ secret: SecretBytes) -> [UInt8] { secret.copied() }

    /// All files below the test's folder, with their contents.
    private func files(_ fixture: EngineFixture) throws -> [(path: FilePath, contents: [UInt8], mode: UInt32)] {
        var result: [(path: FilePath, contents: [UInt8], mode: UInt32)] = []
        var folders = [fixture.folder.path]
        while let folder = folders.popLast() {
            for name in try LocalFolder(folder).names() {
                let path = folder.appending(name)
                guard let status = try LocalFile(path).status() else { continue }
                if status.isFolder { folders.append(path) }
                if status.isRegular {
                    result.append((path, try LocalFile(path).read(limit: 1 << 20), status.permissions))
                }
            }
        }
        return result
    }

    @Test("define, set, get, undefine; the value's file is its user's alone")
    func life() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let uuid = StorageUUID.random()
        let defined = try await engine.defineSecret(secret(uuid: uuid))
        #expect(defined.isChanged && !defined.value.hasValue)
        #expect(try await engine.defineSecret(secret(uuid: uuid)).isChanged == false)
        #expect(try await engine.defineSecret(secret()).isChanged == false)
        let missing = await failure { _ = try await engine.secretValue("iscsi:target") }
        #expect(missing?.code == .notFound)
        #expect(missing?.message.hasPrefix("secret '\(uuid)' does not have a value") == true)

        let set = try await engine.setSecretValue("iscsi:target", to: SecretBytes(Self.value.utf8))
        #expect(set.isChanged && set.value.hasValue)
        #expect(bytes(try await engine.secretValue(uuid.description)) == Array(Self.value.utf8))
        #expect(try await engine.secrets().map(\.hasValue) == [true])
        let holding = try files(fixture).filter { $0.contents.contains(Array(Self.value.utf8)) }
        #expect(holding.map(\.path) == [fixture.folder.appending("lib/secrets").appending(uuid.description)])
        #expect(holding.first?.mode == 0o600)
        #expect(try LocalFile(fixture.folder.appending("lib/secrets")).status()?.permissions == 0o700)

        _ = try await engine.undefineSecret(uuid.description)
        #expect(try await engine.secrets().isEmpty)
        #expect(try files(fixture).allSatisfy { !$0.contents.contains(Array(Self.value.utf8)) })
    }

    @Test("an ephemeral secret and its value are in the folder in memory only, and can be made lasting")
    func ephemeral() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        var definition = secret()
        definition.isEphemeral = true
        let uuid = try #require(try await engine.defineSecret(definition).value.definition.uuid)
        _ = try await engine.setSecretValue(uuid.description, to: SecretBytes(Self.value.utf8))
        let memory = fixture.folder.appending("memory")
        #expect(
            try files(fixture).filter {
                $0.contents.contains(Array(Self.value.utf8)) || $0.path.string.contains(uuid.description)
            }
            .allSatisfy { $0.path.starts(with: memory) })
        definition.uuid = uuid
        definition.isEphemeral = false
        #expect(try await engine.defineSecret(definition).isChanged)
        #expect(bytes(try await engine.secretValue(uuid.description)) == Array(Self.value.utf8))
        #expect(try LocalFolder(memory.appending("secrets")).names() == [])
    }

    @Test("a private value is refused to users, and given to backends")
    func isPrivate() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        var definition = secret()
        definition.isPrivate = true
        let uuid = try #require(try await engine.defineSecret(definition).value.definition.uuid)
        _ = try await engine.setSecretValue(uuid.description, to: SecretBytes(Self.value.utf8))
        #expect(await failureCode { _ = try await engine.secretValue(uuid.description) } == .permissionDenied)
        let given = try await engine.secretStore.value(for: .uuid(uuid), usage: .iscsi)
        #expect(bytes(given) == Array(Self.value.utf8))
        definition.uuid = uuid
        definition.isPrivate = false
        let error = await failure { _ = try await engine.defineSecret(definition) }
        #expect(error?.message == "Cannot change private flag on existing secret; undefine it first")
    }

    @Test("type and usage are one secret's, and a secret keeps them")
    func identity() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let uuid = StorageUUID.random()
        _ = try await engine.defineSecret(secret(uuid: uuid))
        let taken = await failure { _ = try await engine.defineSecret(secret(uuid: .random())) }
        #expect(taken?.code == .alreadyExists)
        #expect(taken?.message == "A secret with UUID \(uuid) already defined for use with target")
        #expect(
            await failureCode { _ = try await engine.defineSecret(secret(.iscsi, "other", uuid: uuid)) }
                == .alreadyExists)
        #expect(
            try await engine.defineSecret(secret(.ceph, uuid: .random())).isChanged, "another type is another secret")
    }

    @Test("a backend's lookup must match the kind of use")
    func kinds() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let uuid = StorageUUID.random()
        _ = try await engine.defineSecret(secret(.ceph, "name", uuid: uuid))
        _ = try await engine.setSecretValue("ceph:name", to: SecretBytes(Self.value.utf8))
        let store = engine.secretStore
        #expect(bytes(try await store.value(for: .usage("name"), usage: .ceph)) == Array(Self.value.utf8))
        for reference in [SecretReference.usage("name"), .uuid(uuid), .uuid(.random())] {
            let error = await failure { _ = try await store.value(for: reference, usage: .iscsi) }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains(Self.value) == false)
        }
        let nobody = await failure { _ = try await store.value(for: .usage("nonesuch"), usage: .iscsi) }
        #expect(nobody?.message.hasPrefix("No secret with matching usage 'nonesuch'") == true)
    }

    @Test("references that name nothing", arguments: ["x", "tape:x", "", ":", "iscsi"])
    func references(_ reference: String) async throws {
        let fixture = try EngineFixture()
        #expect(await failureCode { _ = try await fixture.engine.secret(reference) } == .invalidArgument)
        #expect(await failureCode { _ = try await fixture.engine.secret("iscsi:none") } == .notFound)
    }

    @Test("a value that others could read is refused, and told in the list")
    func exposed() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let uuid = try #require(try await engine.defineSecret(secret()).value.definition.uuid)
        _ = try await engine.setSecretValue("iscsi:target", to: SecretBytes(Self.value.utf8))
        let path = fixture.folder.appending("lib/secrets").appending(uuid.description)
        #expect(chmod(path.string, 0o640) == 0)
        let error = await failure { _ = try await engine.secretValue("iscsi:target") }
        #expect(error?.code == .permissionDenied)
        #expect(error?.message.contains("chmod 0600") == true)
        #expect(try await engine.secrets().first?.problems.map(\.code) == [.permissionDenied])
        // Setting it again makes it right.
        #expect(
            try await engine.setSecretValue("iscsi:target", to: SecretBytes(Self.value.utf8)).value.problems.isEmpty)
        #expect(chmod(path.removingLastComponent().string, 0o770) == 0)
        #expect(await failureCode { _ = try await engine.secretValue("iscsi:target") } == .permissionDenied)
    }

    @Test("values are kept only in a folder that nobody but the user and root can change")
    func folderOwner() throws {
        let folder = try TemporaryFolder()
        var status = try #require(try LocalFile(folder.path).status())
        let user = status.owner
        status.permissions = 0o700
        #expect(SecretVault.isPrivate(status, to: user))
        status.owner = user + 1
        #expect(!SecretVault.isPrivate(status, to: user))
        status.owner = 0
        #expect(SecretVault.isPrivate(status, to: user))
        status.permissions = 0o720
        #expect(!SecretVault.isPrivate(status, to: user))
        status.permissions = 0o700
        status.isFolder = false
        #expect(!SecretVault.isPrivate(status, to: user))
    }

    @Test("a document that doesn't parse is listed with its place")
    func broken() async throws {
        let fixture = try EngineFixture()
        let uuid = StorageUUID.random()
        try fixture.write("etc/secrets/\(uuid).xml", "<secret>\n</sekret>")
        let status = try #require(try await fixture.engine.secrets().first)
        #expect(status.definition.uuid == uuid)
        #expect(status.problems.first?.message.hasPrefix("2:") == true)
        #expect(await failureCode { _ = try await fixture.engine.defineSecret(secret(uuid: uuid)) } == .invalidState)
        #expect(try await fixture.engine.undefineSecret(uuid.description).isChanged)
    }

    @Test("a broken document that may be the one looked for is named; one that can't be is not in the way")
    func brokenByUsage() async throws {
        let fixture = try EngineFixture()
        let uuid = StorageUUID.random()
        try fixture.write(
            "etc/secrets/\(uuid).xml", "<secret>\n<usage type='iscsi'><target>lab</target></usage>\n</sekret>")
        let store = fixture.engine.secretStore
        let error = await failure { _ = try await store.value(for: .usage("lab"), usage: .iscsi) }
        #expect(error?.code == .malformedDefinition)
        #expect(error?.message.contains(uuid.description) == true)
        #expect(error?.causes.first?.message.hasPrefix("3:") == true)
        #expect(error?.causes.first?.subject.values[.path]?.hasSuffix("etc/secrets/\(uuid).xml") == true)
        let other = await failure { _ = try await store.value(for: .usage("other"), usage: .iscsi) }
        #expect(other?.code == .notFound)
        #expect(try await store.isDefined(.usage("other:mutual"), usage: .iscsi) == false)
        #expect(await failure { _ = try await store.isDefined(.usage("lab"), usage: .iscsi) } != nil)
    }

    @Test("an ephemeral secret is refused where there is no folder in memory, and reaches no other")
    func withoutMemory() async throws {
        let folder = try TemporaryFolder()
        var configuration = EngineFixture.configuration(folder)
        configuration.volatile = folder.appending("nowhere/sanctl")
        let engine = StorageEngine(configuration, backends: [])
        var definition = secret()
        definition.isEphemeral = true
        let new = definition
        #expect(await failureCode { _ = try await engine.defineSecret(new) } == .unavailable)
        #expect(try await engine.secrets().isEmpty)
    }

    /// `systemd-creds` as far as its input and output go: sealing turns the bytes round.
    private final class FakeCredentials: CommandRunner {
        let commands = Mutex<[Command]>([])
        let status: Int32

        init(status: Int32 = 0) { self.status = status }

        func locate(_ tool: Tool) -> FilePath? { "/usr/bin/systemd-creds" }

        func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
            commands.withLock { $0.append(command) }
            return CommandOutput(status: status, output: command.input.reversed())
        }
    }

    @Test("for root a value is sealed with the host's key, on standard input and under the secret's name")
    func sealed() async throws {
        let credentials = FakeCredentials()
        let fixture = try EngineFixture()
        let sealing = CredentialSealing(
            commands: credentials, logger: fixture.engine.configuration.logger, isPrivileged: true)
        let vault = SecretVault(folder: fixture.folder.appending("lib/secrets"), sealing: sealing)
        let uuid = StorageUUID.random()
        let deadline = Deadline.after(.seconds(60))
        try await vault.store(SecretBytes(Self.value.utf8), of: uuid, until: deadline)
        #expect(try files(fixture).allSatisfy { !$0.contents.contains(Array(Self.value.utf8)) })
        #expect(try await vault.load(uuid, until: deadline).map { bytes($0) } == Array(Self.value.utf8))
        let commands = credentials.commands.withLock { $0 }
        #expect(commands.map(\.arguments.first) == ["encrypt", "decrypt"])
        for command in commands {
            #expect(command.arguments.contains("--name=\(uuid)"))
            #expect(command.arguments.allSatisfy { !$0.contains("s3cr3t") })
        }
    }

    @Test("where sealing doesn't work the value is kept as it is")
    func unsealed() async throws {
        let fixture = try EngineFixture(commands: FakeCredentials(status: 1))
        _ = try await fixture.engine.defineSecret(secret())
        _ = try await fixture.engine.setSecretValue("iscsi:target", to: SecretBytes(Self.value.utf8))
        #expect(bytes(try await fixture.engine.secretValue("iscsi:target")) == Array(Self.value.utf8))
    }
}
