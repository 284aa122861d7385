import SANModel

/// The volumes of a pool as last read, and what was done to single ones since.
///
/// A refresh that was reading while a volume was made doesn't know of it: when it writes, it takes over what was changed meanwhile.
struct VolumeList: Sendable, Hashable {
    /// Sorted by name the way people count.
    var volumes: [Volume]
    /// Counts the changes to single volumes, ever.
    var generation: UInt64
    /// The latest changes, oldest first.
    private var changes: [Change] = []

    private struct Change: Sendable, Hashable {
        var generation: UInt64
        var name: String
    }

    /// No refresh lasts for so many changes that it would miss one it needs, or its pool is listed anew soon anyway.
    private static let rememberedChanges = 512

    init(_ volumes: [Volume] = [], generation: UInt64 = 0) {
        self.volumes = volumes.sortedNaturally()
        self.generation = generation
    }

    /// Puts a volume in its place, or takes it out.
    ///
    /// - Parameter volume: nil where it is gone.
    mutating func record(_ name: String, _ volume: Volume?) {
        replace(name, by: volume)
        generation += 1
        changes.append(Change(generation: generation, name: name))
        if changes.count > Self.rememberedChanges { changes.removeFirst(changes.count - Self.rememberedChanges) }
    }

    /// The list that a refresh read, brought up to what was changed after it began.
    ///
    /// - Parameter start: this list's generation when the refresh began.
    func merging(_ read: [Volume], begunAt start: UInt64) -> VolumeList {
        var result = VolumeList(read, generation: generation)
        let names = Set(changes.lazy.filter { $0.generation > start }.map(\.name))
        for name in names { result.replace(name, by: volumes.first { $0.name == name }) }
        return result
    }

    private mutating func replace(_ name: String, by volume: Volume?) {
        volumes.removeAll { $0.name == name }
        guard let volume else { return }
        let place = volumes.firstIndex { volume.name.precedesNaturally($0.name) } ?? volumes.endIndex
        volumes.insert(volume, at: place)
    }
}

extension [Volume] {
    /// By name the way people count.
    ///
    /// Places are sorted, not volumes, which are large; most lists are sorted already.
    fileprivate func sortedNaturally() -> [Volume] {
        let names = map(\.name)
        if zip(names, names.dropFirst()).allSatisfy({ !$1.precedesNaturally($0) }) { return self }
        return names.indices.sorted { names[$0].precedesNaturally(names[$1]) }.map { self[$0] }
    }
}

extension VolumeList {
    /// The bytes of the file, versioned.
    var encoded: [UInt8] {
        var encoder = RecordEncoder(reserving: volumes.count * 256)
        encoder.put(generation)
        encoder.put(list: changes) { encoder, change in
            encoder.put(change.generation)
            encoder.put(change.name)
        }
        encoder.put(count: volumes.count)
        // In place: a closure's argument would be a copy of every string and array of the volume.
        for index in volumes.indices { encoder.put(volumes[index]) }
        return RecordFile.frame(encoder.bytes, as: .volumes)
    }

    /// The generation alone: a list of 10,000 volumes takes long to decode.
    static func generation(decoding file: [UInt8]) throws(DamagedRecord) -> UInt64 {
        var (decoder, _) = try open(file)
        return try decoder.number()
    }

    init(decoding file: [UInt8]) throws(DamagedRecord) {
        var (decoder, isBefore) = try VolumeList.open(file)
        generation = try decoder.number()
        changes = try decoder.list { decoder throws(DamagedRecord) in
            Change(generation: try decoder.number(), name: try decoder.text())
        }
        volumes = try decoder.list { decoder throws(DamagedRecord) in try decoder.volume(isBefore: isBefore) }
        guard decoder.isAtEnd else { throw DamagedRecord() }
    }

    private static func open(_ file: [UInt8]) throws(DamagedRecord) -> (decoder: RecordDecoder, isBefore: Bool) {
        let isBefore = RecordFile.isOf(.volumesBefore, file)
        return (try RecordFile.open(file, as: isBefore ? .volumesBefore : .volumes), isBefore)
    }
}
