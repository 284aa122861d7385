import SANModel
import Testing

@testable import SANBackendGluster

/// What a pool's document says of where it is.
@Suite struct GlusterSourceTests {
    static func definition(
        _ hosts: [PoolSource.Host] = [PoolSource.Host(name: "san.example.com")], name: String? = "vol",
        directory: String? = nil
    ) -> PoolDefinition {
        var source = PoolSource()
        source.hosts = hosts
        source.name = name
        source.directory = directory
        return PoolDefinition(type: .gluster, name: "pool", source: source)
    }

    @Test(arguments: [
        (PoolSource.Host(name: "san.example.com"), "gluster://san.example.com/vol/a"),
        (PoolSource.Host(name: "10.0.0.1", port: 0), "gluster://10.0.0.1/vol/a"),
        (PoolSource.Host(name: "10.0.0.1", port: 24008), "gluster://10.0.0.1:24008/vol/a"),
        (PoolSource.Host(name: "fd00::1"), "gluster://[fd00::1]/vol/a"),
        (PoolSource.Host(name: "[fd00::1]", port: 24007), "gluster://[fd00::1]:24007/vol/a"),
    ])
    func `URIs are libvirt's`(host: PoolSource.Host, uri: String) throws {
        #expect(try GlusterSource(Self.definition([host])).uri(of: "a") == uri)
    }

    @Test(
        arguments: [
            (nil, "/", "/a", "gluster://h/vol/a"), ("/", "/", "/a", "gluster://h/vol/a"),
            ("/x//y/", "/x/y", "/x/y/a", "gluster://h/vol/x/y/a"), ("/./x", "/x", "/x/a", "gluster://h/vol/x/a"),
        ] as [(String?, String, String, String)])
    func `A folder's path begins at the volume`(directory: String?, path: String, file: String, uri: String) throws {
        let source = try GlusterSource(Self.definition([PoolSource.Host(name: "h")], directory: directory))
        #expect(source.path == path)
        #expect(source.path(of: "a") == file)
        #expect(source.uri(of: "a") == uri)
    }

    @Test func `Names are escaped in URIs as libxml2 does it`() throws {
        let source = try GlusterSource(Self.definition([PoolSource.Host(name: "h")]))
        #expect(source.uri(of: "a b%#?:[é].img") == "gluster://h/vol/a%20b%25%23%3F%3A%5B%C3%A9%5D.img")
        #expect(source.uri(of: "a-_.!~*'()@&=+$,;") == "gluster://h/vol/a-_.!~*'()@&=+$,;")
    }

    @Test func `The pool's own name serves where the document has none for the volume`() throws {
        #expect(try GlusterSource(Self.definition(name: nil)).volume == "pool")
    }

    @Test(arguments: ["", "a/b", "a b", "a\n", "../x", String(repeating: "a", count: 256)])
    func `What can't be a volume's name is refused`(name: String) {
        #expect(throws: StorageError.self) { try GlusterSource(Self.definition(name: name)) }
    }

    @Test(arguments: ["", "-h", "/run/glusterd.socket", "unix:/x", "a b", "h\u{0}"])
    func `What can't be a host is refused`(host: String) {
        #expect(throws: StorageError.self) { try GlusterSource(Self.definition([PoolSource.Host(name: host)])) }
    }

    @Test(arguments: ["x", "/../x", "/a/..", "/a\n"])
    func `What can't be a folder is refused`(directory: String) {
        #expect(throws: StorageError.self) { try GlusterSource(Self.definition(directory: directory)) }
    }

    @Test func `A server that is named twice is one server`() throws {
        let hosts = [PoolSource.Host(name: "a"), PoolSource.Host(name: "b"), PoolSource.Host(name: "a", port: 0)]
        #expect(try GlusterSource(Self.definition(hosts)).servers.map(\.host) == ["a", "b"])
    }

    @Test func `A file that is being made keeps the name that decides about its brick`() throws {
        let name = StagingName.make(for: "web.qcow2")
        #expect(name.hasPrefix(".web.qcow2.sanctl-") && StagingName.isOne(name))
        let long = StagingName.make(for: String(repeating: "a", count: 255))
        #expect(long.utf8.count <= 255 && StagingName.isOne(long))
        #expect(!StagingName.isOne("web.sanctl-1") && !StagingName.isOne(".sanctl-1.img") && !StagingName.isOne("."))
        #expect(throws: StorageError.self) { try StagingName.checked(name) }
        // Somebody's files, which a refresh would remove otherwise.
        for other in [
            ".web.sanctl-backup", ".sanctl-notes", ".a.sanctl-12", ".a.sanctl-00112233445566778",
            ".a.sanctl-0011223344556677 ",
        ] {
            #expect(!StagingName.isOne(other))
        }
    }
}

/// What `gluster --xml volume info` says.
@Suite struct VolumeListTests {
    private func answer(_ names: [String], code: Int = 0) -> [UInt8] {
        let volumes = names.map { "<volume><name>\($0)</name><id>x</id></volume>" }.joined()
        return Array(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><cliOutput><opRet>\(code)</opRet><opErrno>0</opErrno><opErrstr>why</opErrstr><volInfo><volumes>\(volumes)<count>\(names.count)</count></volumes></volInfo></cliOutput>"
                .utf8)
    }

    @Test func `Volumes are listed by name, and hostile names aren't`() throws {
        #expect(try VolumeList.parse(answer(["b", "a", "a/b", "a&amp;b", "a&#10;b", "-x", ""])) == ["-x", "a", "b"])
        #expect(try VolumeList.parse(answer([])).isEmpty)
    }

    @Test func `An answer that says it failed is a failure`() {
        let error = #expect(throws: StorageError.self) { try VolumeList.parse(answer([], code: -1)) }
        #expect(error?.code == .backendFailure)
        #expect(error?.message.contains("why") == true)
    }

    @Test(arguments: ["", "Connection failed. Please check if gluster daemon is operational.\n", "<a", "<cliOutput/>"])
    func `What isn't an answer is a failure`(text: String) {
        let error = #expect(throws: StorageError.self) { try VolumeList.parse(Array(text.utf8)) }
        #expect(error?.code == .backendFailure)
    }
}
