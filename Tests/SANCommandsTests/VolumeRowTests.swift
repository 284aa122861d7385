import SANModel
import Testing

@testable import SANCommands

@Suite struct VolumeRowTests {
    @Test("whether a volume is encrypted, where that isn't known, isn't told as plain")
    func unknownEncryption() {
        var row = VolumeRow(pool: "p", volume: Volume(VolumeDefinition(name: "v", capacity: 1)))
        func encryption() -> (json: Bool, field: Bool) {
            let json = JSONWriter.text(of: row.json, compact: true)
            let fields = row.fields(ListingStyle(isExact: true)).text
            return (json.contains(#""encryption":{"format":"unknown"}"#), fields.contains("unknown"))
        }
        #expect(encryption() == (false, false))
        row.volume.isEncryptionUnknown = true
        #expect(encryption() == (true, true))
        row.volume.definition.target.encryption = EncryptionDefinition(format: .luks)
        #expect(encryption() == (false, false))
    }
}
