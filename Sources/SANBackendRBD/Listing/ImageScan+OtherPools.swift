import SANModel

// What other pools and namespaces hold of a pool's images: their data, and what their clones stand on. Each of them may be silent; that costs
// what it would have told, and not the list.
extension ImageScan {
    /// For how long a pool may say nothing.
    private static let silence: Duration = .seconds(5)

    enum Place: Sendable, Hashable {
        case pool(Int64, namespace: String)
        /// What an image that is moved between pools stands on isn't told by its header.
        case anywhere
        /// Where the data of an image is that isn't listed, such as one in the trash: nobody has asked.
        case data(of: String)
    }

    /// Ends what ``run()`` began: looks at the beginnings that are left, where each pool answers.
    func read(_ unread: Unread, _ findings: [Finding]) async -> [Finding] {
        let all = unread.objects + unread.opened + unread.clones.map(\.index)
        guard !all.isEmpty else { return findings }
        let headers = Dictionary(
            findings.map { ($0.image.id, try? $0.header.get()) },  // what has none is as if it weren't listed
            uniquingKeysWith: { first, _ in first })
        let clones = Dictionary(unread.clones.map { ($0.index, $0.parent) }, uniquingKeysWith: { first, _ in first })
        let (objects, opened) = (Set(unread.objects), Set(unread.opened))
        let questions = Dictionary(grouping: all) { places(of: findings[$0], headers) }
        let answers = await Inquiry<Result<ImageLUKS?, StorageError>>.run(
            questions, patience: min(ImageScan.silence, deadline.remaining / 2), until: deadline.part(3, of: 4)
        ) { indices, heard, note throws(StorageError) in
            let unread = Unread(
                objects: indices.filter { objects.contains($0) }, opened: indices.filter { opened.contains($0) },
                clones: indices.compactMap { index in clones[index].map { (index, $0) } })
            var scan = self
            scan.heard = heard
            try scan.readBeginnings(unread, findings) { index, luks throws(StorageError) in
                note(index, luks)
                // The others there would be waited for as long.
                if case .failure(let error) = luks, error.code == .timedOut { throw error }
            }
        }
        var findings = findings
        for index in all { findings[index].luks = answers[index] ?? .failure(unanswered(findings[index].image)) }
        return findings
    }

    private func unanswered(_ image: ListedImage) -> StorageError {
        let name = image.name.printable
        return StorageError(
            .timedOut,
            "The beginning of the image '\(name)' wasn't read in time: the Ceph pool of its data, or of what it stands on, is silent or slow",
            subject: .volume(name))
    }

    /// Where else than in the connection's place that is what an image begins with.
    private func places(of finding: Finding, _ headers: [String: ImageHeader?]) -> Set<Place> {
        guard case .success(let header) = finding.header else { return [] }
        var places: Set<Place> = []
        var next: ImageHeader? = header
        // As long as its parents are in this list theirs are known; librbd has no more than 16 of them.
        for _ in 0...16 {
            guard let header = next else { break }
            if header.features.contains(.migrating) { places.insert(.anywhere) }
            if let pool = header.dataPool { places.insert(.pool(pool, namespace: connection.source.namespace)) }
            guard let parent = header.parent else { break }
            guard parent.pool == connection.poolID, parent.namespace == connection.source.namespace else {
                places.insert(.pool(parent.pool, namespace: parent.namespace))
                break
            }
            next = headers[parent.image] ?? nil
            if next == nil { places.insert(.data(of: parent.image)) }
        }
        return places
    }

    // MARK: Paths

    /// The paths of the images that the clones among others stand on; what can't be learned is left out.
    ///
    /// Each pool is asked on a thread of its own, for its own name too: where it is deleted, librados waits for the monitors as long as they like
    /// (`rados_pool_reverse_lookup` and `rados_ioctx_create2` of 16.2 wait for the latest map, without a time-out). Those in other namespaces aren't
    /// asked for.
    func parentPaths(of findings: [Finding]) async -> [ParentImage: String] {
        let parents = Set(findings.compactMap { $0.parent.map { ParentImage($0) } })
        guard !parents.isEmpty else { return [:] }
        var paths = known(findings)
        let wanted = Array(parents).filter { paths[$0] == nil }
        let questions = Dictionary(grouping: wanted.indices) { wanted[$0].pool }
        let answers = await Inquiry<String>.run(
            questions, patience: min(ImageScan.silence, deadline.remaining / 2), until: deadline.part(3, of: 4)
        ) { indices, _, note throws(StorageError) in
            try findPaths(of: indices.map { wanted[$0] }) { note(indices[$0], $1) }
        }
        for (index, path) in answers { paths[wanted[index]] = path }
        return paths
    }

    /// The same where librbd has just opened the clone, and with it what it stands on; blocks.
    func parentPath(of findings: [Finding]) -> [ParentImage: String] {
        var paths: [ParentImage: String] = [:]
        for parent in findings.compactMap({ $0.parent.map { ParentImage($0) } }) {
            try? findPaths(of: [parent]) { paths[parent] = $1 }  // the id is shown instead
        }
        return paths
    }

    /// Finds the paths of images of one pool; first without their names, then with those that are there.
    private func findPaths(
        of images: [ParentImage], found: (_ index: Int, _ path: String) -> Void
    ) throws(StorageError) {
        guard let id = images.first?.pool else { return }
        let pool = id == connection.poolID ? connection.source.pool : connection.poolName(of: id)
        for (index, image) in images.enumerated() { found(index, image.path(in: pool)) }
        let named = images.indices.filter { images[$0].namespace == connection.source.namespace }
        try connection.imageNames(of: named.map { images[$0].image }, pool: id) { index, name in
            found(named[index], images[named[index]].path(in: pool, named: name))
        }
    }

    /// The images that are listed themselves.
    private func known(_ findings: [Finding]) -> [ParentImage: String] {
        Dictionary(
            findings.map { finding in
                let image = ParentImage(
                    pool: connection.poolID, namespace: connection.source.namespace, image: finding.image.id)
                return (image, image.path(in: connection.source.pool, named: finding.image.name))
            }, uniquingKeysWith: { first, _ in first })
    }
}

/// An image that clones stand on, whatever its snapshot.
struct ParentImage: Sendable, Hashable {
    var pool: Int64
    var namespace: String
    var image: String

    /// Its path where its name is known; else its place and id.
    ///
    /// - Parameter poolName: nil where that isn't known.
    func path(in poolName: String?, named name: String? = nil) -> String {
        let pool = poolName ?? "pool \(pool)"
        let place = namespace.isEmpty ? pool : "\(pool)/\(namespace)"
        return name.map { "\(place)/\($0)" } ?? "\(place), image id \(image)"
    }
}

extension ParentImage {
    init(_ parent: ImageHeader.Parent) {
        self.init(pool: parent.pool, namespace: parent.namespace, image: parent.image)
    }
}
