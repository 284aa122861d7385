import SANCommands
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage

/// Runs command lines in this process, in private folders, on a fake backend.
struct CommandLab {
    /// How one run ended.
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String
    }

    let folder: TemporaryFolder
    let storage: FakeStorage
    var environment: [String: String] = [:]
    var hbas: @Sendable (HostRoot) -> VirtualHBAs = { host in
        VirtualHBAs(
            host: host, control: SysfsHBAControl(), events: ScriptedDeviceEvents(), users: { _ in [] },
            mapper: ScriptedDeviceMapper())
    }

    init(_ volumes: [Volume] = []) throws {
        folder = try TemporaryFolder()
        storage = FakeStorage(volumes)
    }

    var locations: [String: String] {
        [
            "SANCTL_CONFIG_DIR": folder.appending("etc").string, "SANCTL_STATE_DIR": folder.appending("lib").string,
            "SANCTL_RUNTIME_DIR": folder.appending("run").string,
        ]
    }

    func console(
        input: FileDescriptor, output: MemorySink = MemorySink(), errors: MemorySink = MemorySink(),
        isInteractive: Bool = false
    ) -> Console {
        Console(input: input, output: output, diagnostics: errors, isInteractive: isInteractive)
    }

    func run(_ arguments: [String], on console: Console) async -> Int32 {
        let storage = storage
        return await CommandLineTool.run(
            arguments,
            Assembly(
                environment: locations.merging(environment) { _, own in own }, console: console,
                backends: { _, _ in [FakeBackend(storage: storage)] }, hbas: hbas, commands: SubprocessRunner()))
    }

    /// Runs one command line to its end.
    ///
    /// - Parameter input: what is on standard input.
    func run(_ arguments: [String], input: String = "", terminal: Bool = false) async throws -> Outcome {
        let output = MemorySink(isTerminal: terminal)
        let errors = MemorySink(isTerminal: terminal)
        let file = try self.file("stdin", input)
        let descriptor = try FileDescriptor.open(FilePath(file), .readOnly)
        defer { try? descriptor.close() }  // it was only read
        let code = await run(
            arguments, on: console(input: descriptor, output: output, errors: errors, isInteractive: terminal))
        return Outcome(code: code, output: output.text, errors: errors.text)
    }

    /// The same from one line of words.
    func run(_ line: String, input: String = "", terminal: Bool = false) async throws -> Outcome {
        try await run(line.split(separator: " ").map { String($0) }, input: input, terminal: terminal)
    }

    /// Makes a file of the lab's own.
    func file(_ name: String, _ text: String) throws -> String {
        let path = folder.appending(name)
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        _ = try descriptor.closeAfter { try descriptor.writeAll(text.utf8) }
        return path.string
    }

    func read(_ path: String) throws -> String {
        let descriptor = try FileDescriptor.open(FilePath(path), .readOnly)
        return try descriptor.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    /// A pool of the fake backend.
    static func pool(_ name: String, target: String = "iqn.2013-06.com.example:pool", uuid: String? = nil) -> String {
        """
        <pool type='iscsi-direct'>
          <name>\(name)</name>
          \(uuid.map { "<uuid>\($0)</uuid>" } ?? "")
          <source>
            <host name='10.0.0.1' port='3260'/>
            <device path='\(target)'/>
            <initiator><iqn name='iqn.2013-06.com.example:initiator'/></initiator>
          </source>
        </pool>
        """
    }

    /// A LUN of the fake backend.
    static func unit(_ number: UInt64, capacity: UInt64, product: String = "VIRTUAL-DISK", wwid: String? = nil)
        -> Volume
    {
        var definition = VolumeDefinition(name: "unit:0:0:\(number)", type: .network, capacity: ByteCount(capacity))
        definition.allocation = ByteCount(capacity)
        definition.key = "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:pool-lun-\(number)"
        definition.target.path = definition.key
        definition.target.format = .raw
        var unit = LogicalUnit(lun: LogicalUnitNumber(raw: number << 48), deviceType: .disk)
        unit.vendor = "IET"
        unit.product = product
        unit.revision = "0001"
        unit.wwid = wwid
        unit.transport = "iscsi"
        unit.blockSize = 512
        unit.paths = [LogicalUnit.Path(state: "active", portal: "10.0.0.1:3260")]
        return Volume(definition, unit: unit)
    }
}

extension CommandLab {
    /// The names in a folder.
    func names(in folder: String) throws -> [String] {
        try LocalFolder(FilePath(folder)).names()
    }
}
