/// Which objects of an image there are: two bits for each, as `object_map_load` of the `rbd` object class gives them.
enum ObjectMap {
    static func object(of id: String) -> String { "rbd_object_map." + id }

    /// The most objects that Ceph keeps a map of.
    private static let limit: UInt64 = 256_000_000

    /// The call that loads the map of so many objects; nil where there are more than a map has.
    static func call(objects: UInt64) -> ClassCalls.Call? {
        guard objects <= limit else { return nil }
        let data = Int(objects / 4 + 1)
        // A header, the data, and checksums of 4 bytes for each 4 KiB of it.
        return ClassCalls.Call(method: "object_map_load", input: [], limit: data + data / 1024 + 4096)
    }

    /// How many objects take space.
    ///
    /// - Parameter answer: a length and the header, which says how many objects there are, then the data (`src/common/bit_vector.hpp`).
    static func count(_ answer: [UInt8]) throws(DamagedAnswer) -> UInt64 {
        var decoder = CephDecoder(answer)
        let header = Int(try decoder.number32())
        guard header >= 14 else { throw DamagedAnswer() }
        _ = try decoder.take(6)
        let objects = try decoder.number64()
        _ = try decoder.take(header - 14)
        guard objects <= limit else { throw DamagedAnswer() }
        var count: UInt64 = 0
        var left = objects
        for byte in try decoder.take(Int(objects / 4 + (objects % 4 == 0 ? 0 : 1))) {
            // The first object's bits are the high ones; 0 means that it isn't there.
            let used = byte | byte >> 1
            let present = left >= 4 ? used & 0b0101_0101 : used & 0b0101_0101 & ~(0xFF >> UInt8(2 * left))
            count += UInt64(present.nonzeroBitCount)
            left -= min(left, 4)
        }
        return count
    }
}
