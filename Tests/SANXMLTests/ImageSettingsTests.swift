import SANModel
import Testing

@testable import SANXML

@Suite("<sanctl:image>") struct ImageSettingsTests {
    private func read(_ contents: String) throws -> VolumeDefinition {
        try VolumeDefinition(
            xml: Array(
                """
                <volume xmlns:i='urn:sanctl:volume:image:1.0'>
                  <name>v</name><capacity>1048576</capacity><target/>
                  \(contents)
                </volume>
                """.utf8))
    }

    @Test func isReadAndPrinted() throws {
        let volume = try read(
            """
            <i:image note='kept'><i:feature name='exclusive-lock'/><i:object size='8M'/><i:feature name='layering'/>
            <i:stripe unit='64K' count='16'/><i:data pool='ec'/><i:metadata name='b' value=''/><i:metadata name='a' value='1'/>
            <m:more xmlns:m='urn:m'/></i:image>
            """)
        var expected = ImageSettings()
        expected.objectSize = ByteCount(8 << 20)
        expected.striping = .init(unit: ByteCount(65536), count: 16)
        expected.dataPool = "ec"
        expected.features = [.layering, .exclusiveLock]
        expected.metadata = ["a": "1", "b": ""]
        #expect(volume.imageSettings == expected)
        let printed = volume.xml
        #expect(
            printed.contains(
                """
                  <sanctl:image note='kept'>
                    <sanctl:object size='8388608'/>
                    <sanctl:stripe unit='65536' count='16'/>
                    <sanctl:data pool='ec'/>
                    <sanctl:feature name='layering'/>
                    <sanctl:feature name='exclusive-lock'/>
                    <sanctl:metadata name='a' value='1'/>
                    <sanctl:metadata name='b' value=''/>
                """))
        #expect(printed.hasPrefix("<volume xmlns:sanctl='urn:sanctl:volume:image:1.0'>"))
        #expect(try VolumeDefinition(xml: Array(printed.utf8)) == volume)
    }

    @Test(
        "what Ceph would refuse is told with its place",
        arguments: [
            "<i:object size='5M'/>", "<i:object size='64M'/>", "<i:object size='2K'/>", "<i:object size='x'/>",
            "<i:object/>",
            "<i:stripe unit='3K' count='2'/>", "<i:stripe unit='64K' count='0'/>", "<i:stripe unit='64K' count='-1'/>",
            "<i:stripe count='1'/>", "<i:stripe unit='8M' count='1'/>", "<i:data pool='a/b'/>", "<i:data/>",
            "<i:feature name='data-pool'/>", "<i:feature/>", "<i:feature name='object-map'/>",
            "<i:feature name='fast-diff'/><i:feature name='exclusive-lock'/>", "<i:metadata value='x'/>",
            "<i:nothing/>",
            "<i:object size='4M'/><i:object size='8M'/>", "<i:metadata name='a'/><i:metadata name='a'/>",
        ])
    func refusals(_ contents: String) throws {
        do {
            _ = try read("<i:image>\(contents)</i:image>")
            Issue.record("\(contents) was accepted")
        } catch {
            let error = try #require(error as? StorageError)
            #expect(error.code == .malformedDefinition && error.location?.line == 3)
        }
    }
}
