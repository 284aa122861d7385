import CCeph
import SANModel

extension OpenImage {
    /// The bytes from one stripe of an object to its next one: all of as many objects as the stripes are spread over.
    func stripePeriod() throws(StorageError) -> UInt64 {
        var count: UInt64 = 1
        try check(
            unsafe CephLibrary.functions.rbd_get_stripe_count(handle, &count), cannot: "read the stripes of")
        let (period, overflow) = (UInt64(1) << UInt64(min(try sizeAndOrder().order, 40)))
            .multipliedReportingOverflow(by: max(count, 1))
        return overflow ? .max : period
    }

    /// What the image is made of.
    ///
    /// - Returns: whether all its metadata is among that, too.
    func settings() throws(StorageError) -> (settings: ImageSettings, isWhole: Bool) {
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
        let (metadata, isWhole) = try metadata()
        settings.metadata = metadata
        return (settings, isWhole)
    }

    func setMetadata(_ key: String, _ value: String) throws(StorageError) {
        try check(
            unsafe CephLibrary.functions.rbd_metadata_set(handle, key, value),
            cannot: "set '\(key.printable)' of the metadata of")
    }

    /// At most, of the keys and of the values of one answer, and of all of them; Ceph itself lets one value have 90 MiB.
    private static let metadataLimit = 1 << 20

    /// All of it that a document can hold: no control characters.
    ///
    /// - Returns: whether there is no more than is looked at.
    private func metadata() throws(StorageError) -> (found: [String: String], isWhole: Bool) {
        var found: [String: String] = [:]
        var (last, length) = ("", 0)
        while length <= OpenImage.metadataLimit {
            guard let piece = try metadata(after: last) else { return (found, false) }
            guard let end = piece.last?.key, end > last else { return (found, true) }
            last = end
            for (key, value) in piece {
                length += key.utf8.count + value.utf8.count
                if key.isPrintable, value.isPrintable { found[key] = value }
            }
        }
        return (found, false)
    }

    /// Some, in order; nil where the next one is too long.
    private func metadata(after last: String) throws(StorageError) -> [(key: String, value: String)]? {
        var (room, count) = (4096, UInt64(64))
        while true {
            var (keys, values) = ([CChar](repeating: 0, count: room), [CChar](repeating: 0, count: room))
            var (keyLength, valueLength) = (room, room)
            let result = unsafe CephLibrary.functions.rbd_metadata_list(
                handle, last, count, &keys, &keyLength, &values, &valueLength)
            if CephFailure(result).errno == .outOfRange {
                if room < OpenImage.metadataLimit {
                    room = min(max(keyLength, valueLength, room * 2), OpenImage.metadataLimit)
                } else if count > 1 {
                    count = 1
                } else {
                    return nil
                }
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
