/// What the header object of an image of format 2 says, asked through the `rbd` object class (`src/cls/rbd/cls_rbd.cc` of Ceph).
struct ImageHeader: Sendable, Hashable {
    /// The object size is 2 to this.
    var order: UInt8
    /// In bytes.
    var size: UInt64
    var features: ImageFeatures
    /// Nil where they weren't asked for.
    var flags: ImageFlags?
    /// Nil where there are more than are counted.
    var snapshots: Int?
    var parent: Parent?
    /// Whether the cluster tells of parents: one before Ceph 14 doesn't.
    var knowsParent = true
    /// The number of the pool that the image's data is in; nil for the image's own.
    var dataPool: Int64?

    /// The image that a clone stands on.
    struct Parent: Sendable, Hashable {
        var pool: Int64
        var namespace: String
        var image: String
        /// The snapshot of it.
        var snapshot: UInt64
    }

    /// The image itself, and not one of its snapshots: `CEPH_NOSNAP`.
    private static let head = [UInt8].ceph(UInt64.max - 1)
    /// More snapshots than librbd lets one image have.
    private static let snapshotLimit = 4000

    static func object(of id: String) -> String { "rbd_header." + id }

    /// The name of the image's first object: with the number of the image's pool where its data is in another one.
    func firstObject(of id: String, in pool: Int64) -> String {
        (dataPool == nil ? "rbd_data.\(id)" : "rbd_data.\(pool).\(id)") + ".0000000000000000"
    }

    /// What every header is asked; each call takes the OSD some time.
    ///
    /// - Parameter wantsFlags: they tell whether the object map is to be trusted.
    static func calls(wantsFlags: Bool) -> [ClassCalls.Call] {
        let calls: [ClassCalls.Call] = [
            sizeCall,
            // As a reader: an image with features that only writers must know is readable.
            .init(method: "get_features", input: head + [1], limit: 32),
            .init(method: "get_snapcontext", input: [], limit: 12 + 8 * snapshotLimit, isOptional: true),
            // Since Ceph 14; an older cluster doesn't say.
            .init(method: "parent_get", input: [], limit: 1024, isOptional: true),
        ]
        return wantsFlags ? calls + [.init(method: "get_flags", input: head, limit: 16)] : calls
    }

    static let sizeCall = ClassCalls.Call(method: "get_size", input: head, limit: 16)

    /// What those with the feature `data-pool` are asked, too.
    static let dataPoolCall = ClassCalls.Call(method: "get_data_pool", input: [], limit: 16)

    /// - Parameter answer: to ``dataPoolCall``.
    /// - Returns: nil for an answer that makes no sense.
    static func dataPool(_ answer: [UInt8]) -> Int64? {
        var decoder = CephDecoder(answer)
        do throws(DamagedAnswer) {
            let pool = Int64(bitPattern: try decoder.number64())
            return pool < 0 ? nil : pool
        } catch {
            return nil
        }
    }

    /// How many bytes of its parent an image reaches.
    static let overlapCall = ClassCalls.Call(method: "parent_overlap_get", input: head, limit: 16)

    /// - Parameter answer: to ``overlapCall``.
    /// - Returns: nil for an image without a parent, and for an answer that makes no sense.
    static func overlap(_ answer: [UInt8]) -> UInt64? {
        var decoder = CephDecoder(answer)
        do throws(DamagedAnswer) {
            return try decoder.byte() == 0 ? nil : try decoder.number64()
        } catch {
            return nil
        }
    }

    /// Whether it tells where the image's data is.
    var knowsPlace: Bool { dataPool != nil || !features.contains(.dataPool) }

    var objectSize: UInt64 { 1 << UInt64(order) }

    /// How many objects the image has where all are there.
    var objectCount: UInt64 { size / objectSize + (size % objectSize == 0 ? 0 : 1) }

    /// Whether it has one to be trusted.
    var hasObjectMap: Bool { features.contains(.objectMap) && flags?.contains(.objectMapInvalid) == false }
}

extension ImageHeader {
    /// - Parameter answers: to ``calls(wantsFlags:)``.
    init(answers: [[UInt8]?]) throws(DamagedAnswer) {
        guard (4...5).contains(answers.count), let size = answers[0], let features = answers[1]
        else { throw DamagedAnswer() }
        var decoder = CephDecoder(size)
        order = try decoder.byte()
        self.size = try decoder.number64()
        // librbd's own limits are 12 and 25; what can't be shifted makes no sense at all.
        guard (9...40).contains(order) else { throw DamagedAnswer() }
        decoder = CephDecoder(features)
        self.features = ImageFeatures(rawValue: try decoder.number64())
        if answers.count > 4 {
            guard let answer = answers[4] else { throw DamagedAnswer() }
            decoder = CephDecoder(answer)
            flags = ImageFlags(rawValue: try decoder.number64())
        }
        snapshots = try answers[2].map { answer throws(DamagedAnswer) in
            var decoder = CephDecoder(answer)
            _ = try decoder.number64()
            return Int(try decoder.number32())
        }
        if let answer = answers[3] { parent = try Parent(answer) } else { knowsParent = false }
    }
}

extension ImageHeader.Parent {
    /// Nil for an image that has none.
    fileprivate init?(_ answer: [UInt8]) throws(DamagedAnswer) {
        var decoder = CephDecoder(answer)
        // A structure's version, the oldest that reads it, and its length.
        _ = try decoder.take(6)
        pool = Int64(bitPattern: try decoder.number64())
        namespace = try decoder.text()
        image = try decoder.text()
        snapshot = try decoder.number64()
        if pool < 0 || image.isEmpty { return nil }
    }
}
