import SANModel

/// What sanctl did with a pool in this boot, and what its last refresh saw; the volumes are in a file of their own.
struct LiveState: Sendable, Hashable {
    /// The boot it belongs to.
    var boot: String
    var phase: PoolPhase
    /// The document that is in effect.
    var definition: String
    var capacity: ByteCount?
    var allocation: ByteCount?
    var available: ByteCount?
    var volumeCount: Int?
    /// Of the pool's trash; nil where it has none.
    var trashCount: Int?
    /// Of the pool's folder, as the host has it.
    var permissions: Permissions?
    /// When the last good refresh began.
    var refreshedAt: Timestamp?

    init(boot: String, phase: PoolPhase, definition: String) {
        self.boot = boot
        self.phase = phase
        self.definition = definition
    }
}

extension LiveState {
    /// The bytes of the file, versioned.
    var encoded: [UInt8] {
        var encoder = RecordEncoder(reserving: 512 + definition.utf8.count)
        encoder.put(boot)
        encoder.put(phase.state.rawValue)
        encoder.put(list: phase.problems) { $0.put($1) }
        encoder.put(definition)
        encoder.put(capacity)
        encoder.put(allocation)
        encoder.put(available)
        encoder.put(volumeCount) { $0.put(count: $1) }
        encoder.put(trashCount) { $0.put(count: $1) }
        encoder.put(permissions) { $0.put($1) }
        encoder.put(refreshedAt) { $0.put($1) }
        return RecordFile.frame(encoder.bytes, as: .state)
    }

    init(decoding file: [UInt8]) throws(DamagedRecord) {
        var decoder = try RecordFile.open(file, as: .state)
        boot = try decoder.text()
        let state = try decoder.value(PoolState.self)
        phase = PoolPhase(state, problems: try decoder.problems())
        definition = try decoder.text()
        capacity = try decoder.optionalSize()
        allocation = try decoder.optionalSize()
        available = try decoder.optionalSize()
        volumeCount = try decoder.optionalCount()
        trashCount = try decoder.optionalCount()
        permissions = try decoder.optional { decoder throws(DamagedRecord) in try decoder.permissions() }
        refreshedAt = try decoder.optionalTime()
        guard decoder.isAtEnd else { throw DamagedRecord() }
    }
}

extension RecordDecoder {
    fileprivate mutating func optionalCount() throws(DamagedRecord) -> Int? {
        try optional { decoder throws(DamagedRecord) in
            guard let count = Int(exactly: try decoder.number()) else { throw DamagedRecord() }
            return count
        }
    }
}
