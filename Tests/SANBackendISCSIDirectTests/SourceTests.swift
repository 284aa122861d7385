import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendISCSIDirect

@Suite struct SourceTests {
    private static let iqn = "iqn.2013-06.com.example:target"

    private func source(_ change: (inout PoolSource) -> Void = { _ in }) -> PoolSource {
        var source = PoolFixture.definition(host: "san.example.com", port: nil, target: Self.iqn).source
        change(&source)
        return source
    }

    @Test(
        arguments: [
            ("san.example.com", nil, "san.example.com:3260"), ("10.0.0.1", 0, "10.0.0.1:3260"),
            ("10.0.0.1", 3_261, "10.0.0.1:3261"), ("fd00::1", nil, "[fd00::1]:3260"), ("[fd00::1]", 1, "[fd00::1]:1"),
        ] as [(String, UInt16?, String)])
    func readsPortals(host: String, port: UInt16?, expected: String) throws {
        let parsed = try ISCSIDirectSource(source { $0.hosts = [.init(name: host, port: port)] })
        #expect(parsed.portal.description == expected)
    }

    @Test func refusesWhatCouldNeverWork() {
        let bad: [(inout PoolSource) -> Void] = [
            { $0.hosts = [] },
            { $0.hosts = [.init(name: "a"), .init(name: "b")] },
            { $0.hosts = [.init(name: "a b")] },
            { $0.hosts = [.init(name: "")] },
            { $0.devices = [] },
            { $0.devices = [.init(path: "/dev/sda")] },
            { $0.initiator = nil },
            { $0.initiator = "eui.0123456789abcdef" },
            { $0.authentication = .init(kind: .ceph, username: "u", secret: .usage("s")) },
        ]
        for change in bad {
            let definition = PoolDefinition(type: .iscsiDirect, name: "p", source: source(change))
            let error = #expect(throws: StorageError.self) { try PoolFixture.backend.validate(definition) }
            #expect(error?.code == .invalidArgument)
        }
        #expect(throws: Never.self) {
            try PoolFixture.backend.validate(PoolDefinition(type: .iscsiDirect, name: "p", source: source()))
        }
    }

    @Test func adoptsWithoutAServer() async throws {
        let definition = PoolDefinition(type: .iscsiDirect, name: "p", source: source())
        #expect(try await PoolFixture.backend.adopt(definition, in: PoolFixture.context()) != nil)
        #expect(await PoolFixture.backend.availability().isAvailable)
    }

    // MARK: Secrets

    private func credentials(
        _ secret: SecretReference, _ values: [String: String]
    ) async throws -> CHAPCredentials? {
        try await CHAPResolution.credentials(
            for: .init(kind: .chap, username: "user", secret: secret), target: Self.iqn,
            from: FakeSecrets(values: values))
    }

    @Test func findsTheSecondSecretOfMutualCHAP() async throws {
        #expect(try await credentials(.usage("s"), ["s": "x"])?.target == nil)
        let mutual = try await credentials(.usage("s"), ["s": "x", "s:mutual": "them:a:b"])
        #expect(mutual?.target?.name == "them")
        mutual?.target?.withCStrings { user, password in
            #expect(String(cString: user) == "them" && String(cString: password) == "a:b")
        }
        let uuid = try #require(StorageUUID("6a8a0bd6-5c5e-4d34-9d0b-5e8b8d0e0b11"))
        #expect(CHAPResolution.mutualUsage(of: .uuid(uuid), target: Self.iqn) == Self.iqn + ":mutual")
        #expect(CHAPResolution.mutualUsage(of: .uuid(uuid), target: nil) == nil)
    }

    @Test(arguments: ["", "a\0b", String(repeating: "x", count: 256)])
    func refusesSecretsThatWouldBeCut(_ value: String) async {
        let error = await #expect(throws: StorageError.self) { try await credentials(.usage("s"), ["s": value]) }
        #expect(error?.code == .invalidArgument && error?.subject.values[.secret] == "s")
    }

    // MARK: Initiator name

    @Test func readsTheHostsInitiatorName() throws {
        let text = "## comment\nInitiatorName=iqn.1993-08.org.debian:01:abc  \nInitiatorAlias=x\n"
        #expect(InitiatorName.parse(text) == "iqn.1993-08.org.debian:01:abc")
        #expect(
            InitiatorName.parse("GenerateName=yes\n") == nil && InitiatorName.parse("InitiatorName=bad name") == nil)
        #expect(IQN.isQualifiedName(ISCSIDirectBackend.defaultInitiator))
    }

    // MARK: Login status

    @Test func readsTheStatusOfALogin() {
        #expect(LoginFailure.status(in: "Failed to log in to target. Status: Target not found(515)") == 515)
        #expect(LoginFailure.status(in: "Failed to log in to target. Status: Authentication failure(513)") == 513)
        #expect(LoginFailure.status(in: "No CHAP challenge found") == nil)
        #expect(LoginFailure.status(in: "Status: (99999999)") == nil && LoginFailure.status(in: "Status: )") == nil)
    }

    // MARK: Wiping

    @Test func hasThePassesThatScrubDocuments() {
        let counts = WipeAlgorithm.allCases.map { $0.passes.count }
        #expect(
            WipeAlgorithm.allCases == [
                .zero, .nnsa, .dod, .bsi, .gutmann, .schneier, .pfitzner7, .pfitzner33, .random, .trim,
            ])
        #expect(counts == [1, 4, 4, 9, 35, 7, 7, 33, 1, 1])
        let gutmann = WipeAlgorithm.gutmann.passes
        #expect(gutmann[0..<4].allSatisfy { $0 == .random } && gutmann[31..<35].allSatisfy { $0 == .random })
        #expect(gutmann[4] == .pattern([0x55]) && gutmann[6] == .pattern([0x92, 0x49, 0x24]))
        #expect(
            gutmann[9] == .pattern([0x00]) && gutmann[24] == .pattern([0xFF])
                && gutmann[30] == .pattern([0xDB, 0x6D, 0xB6]))
    }
}
