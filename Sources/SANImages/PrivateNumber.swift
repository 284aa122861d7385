/// The random part of the names of files and folders that are sanctl's own while it makes volumes, 16 hexadecimal digits.
///
/// What a killed process has left is known by it, and removed: what only looks like it is somebody's file.
package enum PrivateNumber {
    private static let length = 16

    package static func make() -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return String(repeating: "0", count: length - digits.count) + digits
    }

    package static func isOne(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.count == length
            && bytes.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }
}
