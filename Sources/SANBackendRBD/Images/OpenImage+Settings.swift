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
        settings.dataPool = dataPool
        let (metadata, isWhole) = try metadata()
        settings.metadata = metadata
        return (settings, isWhole)
    }

    /// The Ceph pool of its data, where that isn't its own.
    var dataPool: String? {
        let pool = unsafe CephLibrary.functions.rbd_get_data_pool_id(handle)
        guard pool >= 0, pool != connection.poolID else { return nil }
        return connection.poolName(of: pool) ?? "pool \(pool)"
    }

    func setMetadata(_ key: String, _ value: String) throws(StorageError) {
        try check(
            unsafe CephLibrary.functions.rbd_metadata_set(handle, key, value),
            cannot: "set '\(key.printable)' of the metadata of")
    }

    /// What of it a document can hold; Ceph itself lets one value have 90 MiB.
    ///
    /// - Returns: whether there is no more than is kept.
    private func metadata() throws(StorageError) -> (found: [String: String], isWhole: Bool) {
        var kept = ImageMetadata()
        var count: UInt64 = 64
        while !kept.isFull {
            guard let piece = try metadata(after: kept.last, count) else { return (kept.found, false) }
            switch kept.take(keys: piece.keys, values: piece.values) {
            case .taken: count = 64
            case .end: return (kept.found, true)
            // One that isn't clear alone won't be.
            case .unclear where count == 1: return (kept.found, false)
            case .unclear: count = 1
            }
        }
        return (kept.found, false)
    }

    /// Some, in order; nil where the next one is too long.
    private func metadata(
        after last: [UInt8], _ count: UInt64
    ) throws(StorageError) -> (keys: ArraySlice<CChar>, values: ArraySlice<CChar>)? {
        // Bytes, as a key needn't be UTF-8.
        let start = last.map { CChar(bitPattern: $0) } + [0]
        var (room, count) = (4096, count)
        while true {
            var (keys, values) = ([CChar](repeating: 0, count: room), [CChar](repeating: 0, count: room))
            var (keyLength, valueLength) = (room, room)
            let result = unsafe CephLibrary.functions.rbd_metadata_list(
                handle, start, count, &keys, &keyLength, &values, &valueLength)
            if CephFailure(result).errno == .outOfRange {
                if room < ImageMetadata.limit {
                    room = min(max(keyLength, valueLength, room * 2), ImageMetadata.limit)
                } else if count > 1 {
                    count = 1
                } else {
                    return nil
                }
                continue
            }
            try check(result, cannot: "read the metadata of")
            return (keys.prefix(max(0, keyLength)), values.prefix(max(0, valueLength)))
        }
    }
}
