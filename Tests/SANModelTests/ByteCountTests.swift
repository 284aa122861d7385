import SANModel
import Testing

@Suite struct ByteCountTests {
    @Test(
        arguments: [
            ("1", "", 1), ("7", "bytes", 7), ("1", "K", 1024), ("1", "k", 1024), ("1", "KiB", 1024), ("1", "KB", 1000),
            ("3", "M", 3 << 20), ("3", "MB", 3_000_000), ("2", "G", 2 << 30), ("2", "GB", 2_000_000_000),
            ("1", "T", 1 << 40), ("1", "TB", 1_000_000_000_000), ("1", "P", 1 << 50),
            ("1", "PB", 1_000_000_000_000_000),
            ("15", "EiB", 15 << 60), ("18", "EB", 18_000_000_000_000_000_000),
            ("18446744073709551615", "B", UInt64.max),
        ] as [(String, String, UInt64)])
    func unitsOfBothFamilies(count: String, unit: String, bytes: UInt64) throws {
        #expect(try ByteCount(count: count, unit: unit).bytes == bytes)
    }

    @Test(arguments: [
        ("16", "E"), ("19", "EB"), ("18446744073709551616", ""), ("18014398509481984", "KiB"), ("-1", ""), ("+1", ""),
        ("", "K"), ("1.5", "G"), ("٣", ""), ("1", "foo"), ("1", "KBB"), ("1", "iB"), (" 1", ""), ("0x10", ""),
    ])
    func refusesOverflowAndNonsense(count: String, unit: String) {
        #expect { try ByteCount(count: count, unit: unit) } throws: { ($0 as? StorageError)?.code == .invalidArgument }
    }

    @Test func parsesCommandLineSizes() throws {
        #expect(try ByteCount(parsing: "10G").bytes == 10 << 30)
        #expect(try ByteCount(parsing: "20 MB").bytes == 20_000_000)
        #expect(try ByteCount(parsing: "512").bytes == 512)
        #expect(throws: StorageError.self) { try ByteCount(parsing: "G") }
        let fraction = #expect(throws: StorageError.self) { try ByteCount(parsing: "1.5G") }
        #expect(fraction?.message.hasPrefix("'1.5G' isn't a size: a whole number is needed") == true)
    }
}
