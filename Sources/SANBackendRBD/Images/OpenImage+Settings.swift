import CCeph
import SANModel

extension OpenImage {
    /// What the image is made of.
    func settings() throws(StorageError) -> ImageSettings {
        let functions = unsafe CephLibrary.functions
        var settings = ImageSettings()
        settings.objectSize = ByteCount(1 << UInt64(min(try sizeAndOrder().order, 40)))
        let features = try features()
        settings.features = features.chosen
        if features.contains(.striping) {
            var (unit, count): (UInt64, UInt64) = (0, 0)
            try check(unsafe functions.rbd_get_stripe_unit(handle, &unit), cannot: "read the stripes of")
            try check(unsafe functions.rbd_get_stripe_count(handle, &count), cannot: "read the stripes of")
            settings.striping = .init(unit: ByteCount(unit), count: count)
        }
        let pool = unsafe functions.rbd_get_data_pool_id(handle)
        if pool >= 0, pool != connection.poolID {
            settings.dataPool = connection.poolName(of: pool) ?? "pool \(pool)"
        }
        settings.metadata = try metadata()
        return settings
    }

    func setMetadata(_ key: String, _ value: String) throws(StorageError) {
        try check(
            unsafe CephLibrary.functions.rbd_metadata_set(handle, key, value),
            cannot: "set '\(key.printable)' of the metadata of")
    }

    /// At most, of the keys and of the values of one answer.
    private static let metadataLimit = 1 << 20

    /// All of it that a document can hold: no control characters.
    private func metadata() throws(StorageError) -> [String: String] {
        var found: [String: String] = [:]
        var last = ""
        while found.count < 1 << 12 {
            let piece = try metadata(after: last)
            guard let end = piece.last?.key, end > last else { break }
            last = end
            for (key, value) in piece where key.printable == key && value.printable == value { found[key] = value }
        }
        return found
    }

    /// Some, in order.
    private func metadata(after last: String) throws(StorageError) -> [(key: String, value: String)] {
        var room = 4096
        while true {
            var (keys, values) = ([CChar](repeating: 0, count: room), [CChar](repeating: 0, count: room))
            var (keyLength, valueLength) = (room, room)
            let result = unsafe CephLibrary.functions.rbd_metadata_list(
                handle, last, 64, &keys, &keyLength, &values, &valueLength)
            if CephFailure(result).errno == .outOfRange, room < OpenImage.metadataLimit {
                room = min(max(keyLength, valueLength, room * 2), OpenImage.metadataLimit)
                continue
            }
            try check(result, cannot: "read the metadata of")
            let names = texts(keys.prefix(max(0, keyLength)))
            return Array(zip(names, texts(values.prefix(max(0, valueLength)))))
        }
    }

    /// Each ends with a NUL.
    private func texts(_ bytes: ArraySlice<CChar>) -> [String] {
        var pieces = bytes.split(separator: 0, omittingEmptySubsequences: false)
        if !pieces.isEmpty { pieces.removeLast() }
        return pieces.map { String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }
}
