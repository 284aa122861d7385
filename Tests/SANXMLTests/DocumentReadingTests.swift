import SANModel
import SANXML
import Testing

/// Volumes, encryption, secrets and devices.
@Suite struct DocumentReadingTests {
    private func volume(_ target: String) throws(StorageError) -> VolumeDefinition {
        try VolumeDefinition(xml: Array("<volume><name>v</name><target>\(target)</target></volume>".utf8))
    }

    @Test func everythingInAVolumeIsRead() throws {
        let volume = try VolumeDefinition(xml: Corpus.accept.bytes("volume-all-elements.xml"))
        #expect(volume.type == .file)
        #expect(volume.sourceDevices.map(\.path) == ["/dev/sdb", "/dev/sdc"])
        #expect(volume.sourceDevices.first?.extents.last == Extent(start: 2_097_152, end: 4_194_303))
        #expect(volume.capacity == 5_368_709_120)
        #expect(volume.physical == 197_120)
        #expect(
            volume.target.permissions
                == Permissions(mode: 0o600, group: 107, label: "system_u:object_r:virt_image_t:s0"))
        #expect(volume.target.timestamps?.access == Timestamp(seconds: 1_341_933_637, nanoseconds: 273_190_990))
        #expect(volume.target.timestamps?.modification == Timestamp(seconds: 1_341_930_622))
        #expect(volume.target.encryption?.cipher?.mode == "xts")
        #expect(volume.target.encryption?.secrets == [.usage("/srv/images/demo.qcow2")])
        #expect(volume.target.clusterSize == 131_072)
        #expect(volume.target.noCopyOnWrite)
        #expect(volume.target.features == .init(lazyRefcounts: true, extendedL2: true))
        #expect(volume.backingStore?.format == .raw)
    }

    @Test(arguments: [
        ("<format type='vhdx'/>", "a known format"),
        ("<features><dedup/></features>", "Unsupported feature 'dedup'"),
        ("<compat>1.1; rm</compat>", "digits and dots"),
        ("<timestamps><atime>now</atime></timestamps>", "SECONDS"),
        ("<permissions><mode>10000</mode></permissions>", "octal mode"),
        ("<permissions><owner>4294967296</owner></permissions>", "-1 to leave it alone"),
        ("<encryption/>", "no format"),
        ("<encryption format='luks'><ivgen name='plain64'/></encryption>", "no cipher"),
        ("<encryption format='luks'><cipher size='256'/></encryption>", "no name"),
        ("<encryption format='luks'><cipher name='aes'/></encryption>", "no size"),
        ("<encryption format='luks'><secret type='passphrase'/></encryption>", "which secret"),
    ])
    func aTargetThatMakesNoSenseIsRefused(text: String, words: String) {
        let error = #expect(throws: StorageError.self) { try volume(text) }
        #expect(error?.code == .malformedDefinition)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.subject == .volume("v"))
    }

    @Test func theOldTypeOfAPassphraseIsReadAndThatOfTodayPrinted() throws {
        let bytes = try Corpus.accept.bytes("both-spellings-encryption-secret-type-volume.xml")
        #expect(try EncryptionDefinition(xml: bytes).xml.contains("<secret type='passphrase' uuid="))
    }

    /// It would be stored and printed as something unknown.
    @Test func aSecretWithItsValueIsRefused() {
        let error = #expect(throws: StorageError.self) {
            try SecretDefinition(xml: Array("<secret><value>hunter2</value></secret>".utf8))
        }
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test func aSecretForNothingHasNoUsage() throws {
        #expect(try SecretDefinition(xml: Array("<secret><usage type='none'/></secret>".utf8)).usage == nil)
    }

    @Test func aHostBusAdapterIsRead() throws {
        let device = try NodeDeviceDefinition(xml: Corpus.accept.bytes("device-hba-vport-capable.xml"))
        #expect(device.parent == .name("pci_0000_10_00_0"))
        #expect(device.scsiHost?.host == 5)
        #expect(device.scsiHost?.uniqueID == 0)
        #expect(device.scsiHost?.fibreChannel?.fabricWWN == WWN(0x2001_000d_ec98_77c1))
        #expect(device.scsiHost?.vports == .init(maximum: 164, inUse: 5))
    }

    @Test func capabilitiesOfOtherDevicesAreKept() throws {
        let device = try NodeDeviceDefinition(xml: Corpus.accept.bytes("device-scsi-target-remote-port.xml"))
        #expect(device.scsiHost == nil)
        #expect(device.foreign.elements.count == 1)
    }

    @Test(arguments: ["<parent/>", "<parent wwnn='20000000c9831b4b'/>", "<parent fabric_wwn='x'/>"])
    func aParentThatNamesNothingIsRefused(parent: String) {
        #expect(throws: StorageError.self) { try NodeDeviceDefinition(xml: Array("<device>\(parent)</device>".utf8)) }
    }

    @Test func anotherDocumentThanTheOneAskedForIsRefused() {
        let error = #expect(throws: StorageError.self) { try VolumeDefinition(xml: Array("\n<pool/>".utf8)) }
        #expect(error?.message == "The root element is <pool>: <volume> is needed here")
        #expect(error?.location == SANModel.SourceLocation(line: 2, column: 1))
    }
}
