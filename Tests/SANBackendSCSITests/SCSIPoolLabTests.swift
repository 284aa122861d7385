import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendSCSI

@Suite("scsi pools on real HBAs of a real kernel", .serialized, .timeLimit(.minutes(10)))
struct SCSIPoolLabTests {
    private func volumes(_ engine: StorageEngine) async throws -> [Volume] {
        try await engine.volumes(ofPool: "p").volumes
    }

    private func resolved(_ path: String) throws -> String {
        let text = try #require(
            try SysfsFolder("/dev/disk/by-path", on: HostRoot("/")).linkText(FilePath(path).lastComponent?.string ?? "")
        )
        return HostPath.resolving(text, from: "/dev/disk/by-path")
    }

    @Test("a vHBA logs in, sees only its own LUNs, survives the loss of its link, and goes with its pool")
    func virtualPort() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            let own = try await lab.disk(size: 256 << 10)
            let physical = try await lab.disk(size: 32 << 20)
            let wwpn = WWN(0x5001_4380_0000_0001)
            try fabric.addLUN(0, physical, to: fabric.host.wwpn)
            try fabric.addLUN(0, own, to: wwpn)
            try await fabric.connect()
            let host = try GuestEngine()
            let engine = host.engine

            let change = try await engine.createPool(
                SCSIFixture.definition { port in
                    port = PoolSource.FibreChannel(wwnn: WWN(0x5001_4380_0000_0000), wwpn: wwpn)
                    port.parentWWNN = fabric.host.wwnn
                    port.parentWWPN = fabric.host.wwpn
                })
            #expect(change.value.state == .running, "\(change.value.problems)")
            let volume = try #require(try await volumes(engine).first)
            #expect(try await volumes(engine).count == 1)
            #expect(volume.unit?.serial == own.serial)
            #expect(volume.problems.isEmpty, "\(volume.problems)")

            // libvirt's key, from the program that libvirt asks.
            let identity = try await lab.run(
                "env", "/lib/udev/scsi_id", "--export", "--whitelisted", "--replace-whitespace", "--device", volume.path
            )
            let values = Dictionary(
                identity.split(separator: "\n").compactMap { line -> (Substring, Substring)? in
                    let parts = line.split(separator: "=", maxSplits: 1)
                    return parts.count == 2 ? (parts[0], parts[1]) : nil
                }
            ) { _, last in last }
            #expect(volume.key == "\(values["ID_SERIAL"] ?? "")_PORT\(values["ID_TARGET_PORT"] ?? "")")

            // Bytes through the virtual port, to the last block of the array's disk.
            let bytes = LocalEnds.pattern(256 << 10)
            #expect(try await host.upload(bytes, to: volume.name).bytes == ByteCount(256 << 10))
            #expect(try LocalEnds.read(own.file) == bytes)
            #expect(try await host.download(volume.name) == bytes)

            // Two disks of one target and LUN number, each with a link of its own.
            let start = "/dev/disk/by-path/pci-\(fabric.host.pciAddress)"
            let end = "-fc-0x\(fabric.target.wwpn)-lun-0"
            #expect(volume.path == "\(start)-vport-0x\(wwpn)\(end)")
            let number = try #require(fabric.host.name.flatMap { SCSIHostName($0)?.number })
            let other = try #require(try SCSIHost(number: number, on: HostRoot("/"))?.units().first?.block)
            #expect(try resolved(start + end) == other.node)
            #expect(try resolved(volume.path) != other.node)

            // The cable is pulled: the pool says so and keeps its volume; and it comes back.
            try await fabric.setCable(of: fabric.host, isPlugged: false)
            try await lab.wait(for: "the pool to say that the link is down") {
                try await engine.refreshPool("p").problems.contains { $0.message.contains("the link of") }
            }
            #expect(try await volumes(engine).map(\.name) == [volume.name])
            try await fabric.setCable(of: fabric.host, isPlugged: true)
            try await fabric.waitForLogin(of: fabric.host)
            try await lab.wait(for: "the pool to be well") { try await engine.refreshPool("p").state == .running }

            // Nobody's disk is taken away.
            try await lab.run("mkswap", volume.path)
            try await lab.run("swapon", volume.path)
            await expect(.busy, "unit:0:0:0", "swap") { try await engine.stopPool("p") }
            await expect(.invalidState, "pool 'p'") { try await engine.destroyVirtualHBA(wwpn.description) }
            try await lab.run("swapoff", volume.path)

            #expect(try await engine.stopPool("p").isChanged)
            #expect(LabFabric.scsiHost(of: wwpn) == nil)
            try await lab.settle()
            #expect(
                try SysfsFolder("/dev/disk/by-path", on: HostRoot("/")).linkText(
                    "pci-\(fabric.host.pciAddress)-vport-0x\(wwpn)\(end)") == nil)
            #expect(try resolved(start + end) == other.node)
        }
    }

    @Test(
        "a stored vHBA is made, listed and destroyed; what the fabric gives it nothing is an empty pool with the reason"
    )
    func storedPort() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            try await fabric.connect()
            let engine = try GuestEngine().engine
            var definition = NodeDeviceDefinition(
                name: "spare", scsiHost: .init(fibreChannel: NodeDeviceDefinition.FibreChannel()))
            definition.parent = .ports(wwnn: fabric.host.wwnn, wwpn: fabric.host.wwpn)
            let stored = try await engine.defineVirtualHBA(definition).value
            _ = try await engine.setAutostart(ofVirtualHBA: "spare", to: true)
            let outcomes = try await engine.startAutostartedVirtualHBAs()
            let port = try #require(try outcomes.first?.result.get().value.port)
            #expect(port.portName == stored.wwpn)
            #expect(port.isLoggedIn)
            #expect(try await !engine.startVirtualHBA("spare").isChanged)

            let names = try #require(stored.wwnn.flatMap { wwnn in stored.wwpn.map { (wwnn, $0) } })
            let change = try await engine.createPool(
                SCSIFixture.definition(.fibreChannel(PoolSource.FibreChannel(wwnn: names.0, wwpn: names.1))))
            #expect(change.value.state == .degraded)
            #expect(change.value.problems.first?.message.contains("has no LUNs") == true, "\(change.value.problems)")
            // It was there before: the pool leaves it.
            _ = try await engine.stopPool("p")
            #expect(LabFabric.scsiHost(of: names.1) != nil)
            #expect(try await engine.destroyVirtualHBA("spare").isChanged)
            #expect(LabFabric.scsiHost(of: names.1) == nil)
            #expect(try await !engine.destroyVirtualHBA("spare").isChanged)
        }
    }

    @Test("many LUNs of one host, of which a LUN that is added later is found by a refresh")
    func manyUnits() async throws {
        try await Lab.run { lab in
            let driver = try await lab.scsiDebug(["max_luns": 31, "dev_size_mb": 1, "no_uld": 0])
            let name = try #require(driver.hosts.first)
            let engine = try GuestEngine().engine
            // A host that is on no bus has no links by path.
            var definition = SCSIFixture.definition(.scsiHost(name: name))
            definition.target = PoolTarget(path: UdevRecord.identityFolder)
            let change = try await engine.createPool(definition)
            #expect(change.value.volumeCount == 31)
            let before = ContinuousClock.now
            let status = try await engine.refreshPool("p")
            print("a refresh of 31 LUNs took \(before.duration(to: .now))")
            #expect(status.problems.isEmpty, "\(status.problems)")
            try await driver.set("max_luns", 32)
            #expect(try await engine.refreshPool("p").volumeCount == 32)
            let problems = try await volumes(engine).flatMap(\.problems)
            #expect(problems.isEmpty, "\(problems.prefix(3))")
            _ = try await engine.stopPool("p")
        }
    }

    @Test("hosts of one PCI function by their unique_id, as the kernel numbers them")
    func parentAddress() async throws {
        try await Lab.run { _ in
            let hosts = SysfsSCSIHosts(host: HostRoot("/"))
            let address = try #require(PCIAddress("0000:00:1f.2"))
            let numbers = try (1...6).map { try hosts.host(onFunction: address, uniqueID: $0).number }
            #expect(Set(numbers).count == 6)
            let engine = try GuestEngine().engine
            _ = try await engine.createPool(
                SCSIFixture.definition(.parentAddress(try #require(PCIAddress("0000:00:05.0")), uniqueID: nil)))
            let names = try await volumes(engine).map(\.name)
            #expect(names.contains("unit:0:0:0") && names.contains("unit:0:0:16684"), "\(names)")
            _ = try await engine.stopPool("p")
        }
    }
}
