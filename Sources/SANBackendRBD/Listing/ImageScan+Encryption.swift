import CCeph
import SANModel

// Which images are encrypted: those that begin with a header of LUKS. Their first objects are read, many at a time; librbd itself is asked
// where these don't hold what the image begins with.
extension ImageScan {
    /// Whose beginnings are yet to be looked at, and how; by their places among the findings.
    struct Unread: Sendable {
        /// By their first objects.
        var objects: [Int] = []
        /// Through librbd.
        var opened: [Int] = []
        /// Clones without a first object of their own.
        var clones: [(index: Int, parent: ImageHeader.Parent)] = []
    }

    /// Looks at the beginning of each.
    ///
    /// What can't be looked at is that image's failure: an encrypted image that is taken for a plain one is written over.
    ///
    /// - Parameter found: gets each answer as soon as it is known.
    func readBeginnings(
        _ unread: Unread, _ findings: [Finding],
        found: (Int, Result<ImageLUKS?, StorageError>) throws(StorageError) -> Void
    ) throws(StorageError) {
        var unread = unread
        try readObjects(&unread, findings, found: found)
        for index in unread.opened { try found(index, try askLibrbd(findings[index].image)) }
        try inherit(unread.clones, findings, found)
    }

    /// Reads the first objects, and leaves for librbd what these don't tell.
    func readObjects(
        _ unread: inout Unread, _ findings: [Finding],
        found: (Int, Result<ImageLUKS?, StorageError>) throws(StorageError) -> Void
    ) throws(StorageError) {
        let indices = unread.objects
        unread.objects = []
        var (opened, clones, marked) = (unread.opened, unread.clones, [Int]())
        try readFirst(ImageLUKS.mark.count, of: indices, findings, window: ImageScan.window) {
            index, header, outcome throws(StorageError) in
            switch FirstBytes(outcome, of: header) {
            case .plain: try found(index, .success(nil))
            case .marked: marked.append(index)
            case .askedFor: opened.append(index)
            case .inherited(let parent): clones.append((index, parent))
            case .clonesOwn: try found(index, .success(.unreadable))
            case .failed(let result): try found(index, .failure(unreadable(result, findings[index].image)))
            }
        }
        (unread.opened, unread.clones) = (opened, clones)
        // An answer of each takes 128 KiB.
        try readFirst(ImageLUKS.headerLength, of: marked, findings, window: 8) {
            index, header, outcome throws(StorageError) in
            guard outcome.result >= 0, let answer = outcome.answers.first ?? nil else {
                try found(index, .failure(unreadable(outcome.result, findings[index].image)))
                return
            }
            // What was the mark before is something else by now.
            let isLUKS = answer.starts(with: ImageLUKS.mark)
            try found(index, .success(isLUKS ? ImageLUKS(answer, imageSize: header.size) ?? .unreadable : nil))
        }
    }

    /// What a clone without a first object of its own begins with: what its parent does, as far as the clone reaches into it.
    ///
    /// One clone of each kind is opened, where it isn't written to just then.
    private func inherit(
        _ children: [(index: Int, parent: ImageHeader.Parent)], _ findings: [Finding],
        _ found: (Int, Result<ImageLUKS?, StorageError>) throws(StorageError) -> Void
    ) throws(StorageError) {
        var beginnings = ClonesBeginnings()
        let origins = try origins(of: children, findings)
        for (index, origin) in origins {
            guard case .success(let header) = findings[index].header else { continue }
            let image = findings[index].image
            if let shared = beginnings.answer(for: image.name, of: origin, size: header.size) {
                try found(index, shared)
                continue
            }
            let luks = try askLibrbd(image)
            try found(index, luks)
            try beginnings.learn(luks, of: origin) { () throws(StorageError) in
                try inherits(index, from: origin, findings)
            }
        }
    }

    /// By what each clone may share its beginning with others; nil where that isn't told.
    private func origins(
        of children: [(index: Int, parent: ImageHeader.Parent)], _ findings: [Finding]
    ) throws(StorageError) -> [(index: Int, origin: ClonesBeginnings.Origin?)] {
        var origins: [(index: Int, origin: ClonesBeginnings.Origin?)] = []
        try ask(children, [ImageHeader.overlapCall], window: ImageScan.window) { child in
            (ImageHeader.object(of: findings[child.index].image.id), nil)
        } answered: { child, outcome in
            let overlap = outcome.flatMap { $0.answers.first ?? nil }.flatMap { ImageHeader.overlap($0) }
            origins.append((child.index, overlap.map { .init(parent: child.parent, overlap: $0) }))
        }
        return origins
    }

    /// Whether a clone still has no first object of its own, and reaches as far into its parent as before.
    private func inherits(
        _ index: Int, from origin: ClonesBeginnings.Origin?, _ findings: [Finding]
    ) throws(StorageError) -> Bool {
        var isAbsent = false
        try readFirst(ImageLUKS.mark.count, of: [index], findings, window: 1) { _, header, outcome in
            if case .inherited = FirstBytes(outcome, of: header) { isAbsent = true }
        }
        guard isAbsent, let origin else { return false }
        return try origins(of: [(index, origin.parent)], findings).first?.origin == origin
    }

    /// Opens the image, for some round trips.
    private func askLibrbd(_ listed: ListedImage) throws(StorageError) -> Result<ImageLUKS?, StorageError> {
        try checkDeadline()
        do throws(StorageError) {
            let image = try OpenImage(listed.name, readOnly: true, connection)
            guard try image.id() == listed.id else {
                throw StorageError(.notFound, "Another image has its name by now: refresh the pool again")
            }
            return .success(try image.luks())
        } catch {
            return .failure(error)
        }
    }

    private func unreadable(_ result: Int32, _ image: ListedImage) -> StorageError {
        let action = "read the beginning of the image '\(image.name.printable)'"
        // An answer that makes no sense is EIO.
        return CephFailure(result < 0 ? result : -5).error(cannot: action).about(.volume, image.name.printable)
    }

    private func readFirst(
        _ count: Int, of indices: [Int], _ findings: [Finding], window: Int,
        _ body: (Int, ImageHeader, ClassCalls.Outcome) throws(StorageError) -> Void
    ) throws(StorageError) {
        let pool = connection.poolID
        try ask(indices, [ClassCalls.Call(method: nil, input: [], limit: count)], window: window) { index in
            guard case .success(let header) = findings[index].header else { return nil }
            return (header.firstObject(of: findings[index].image.id, in: pool), header.dataPool)
        } answered: { index, outcome throws(StorageError) in
            guard let outcome, case .success(let header) = findings[index].header else { return }
            try body(index, header, outcome)
        }
    }
}

/// What the first bytes of an image's first object tell of its encryption.
enum FirstBytes: Sendable, Hashable {
    case plain
    /// LUKS; the header is in this object.
    case marked
    /// The object doesn't hold what the image begins with: librbd has to be asked.
    case askedFor
    /// There is no such object, and the parent's is read.
    case inherited(ImageHeader.Parent)
    /// The header of a clone that is encrypted by itself, unlike its parent (Ceph 18): librbd 16 doesn't read it.
    case clonesOwn
    /// They couldn't be read; a negative errno, or 0 where the answer made no sense.
    case failed(Int32)

    init(_ outcome: ClassCalls.Outcome, of header: ImageHeader) {
        guard outcome.result >= 0 else {
            let isAbsent = CephFailure(outcome.result).errno == .noSuchFileOrDirectory
            self =
                if !isAbsent {
                    .failed(outcome.result)
                } else if header.features.contains(.migrating) || !header.knowsParent {
                    .askedFor
                } else {
                    header.parent.map { .inherited($0) } ?? .plain
                }
            return
        }
        guard let bytes = outcome.answers.first ?? nil else {
            self = .failed(0)
            return
        }
        // A stripe may be as short as one byte, and an object shorter than the header.
        if header.features.contains(.striping) || header.objectSize < UInt64(ImageLUKS.headerLength) {
            let isSuspect = ImageLUKS.mark.first == bytes.first || ImageLUKS.clonesMark.first == bytes.first
            self = isSuspect ? .askedFor : .plain
        } else {
            self = bytes == ImageLUKS.mark ? .marked : bytes == ImageLUKS.clonesMark ? .clonesOwn : .plain
        }
    }
}

extension ImageScan.Unread {
    /// All that can be looked at.
    init(_ findings: [ImageScan.Finding]) {
        for index in findings.indices {
            // What is left of an image begins with nothing by now, whatever it was.
            guard case .success(let header) = findings[index].header, !findings[index].image.isLeftover else {
                continue
            }
            if findings[index].image.id.isEmpty || !header.knowsPlace {
                opened.append(index)
            } else {
                objects.append(index)
            }
        }
    }

    /// Takes out those whose data is in another pool.
    mutating func leaveDistant(_ findings: [ImageScan.Finding]) -> [Int] {
        let distant = objects.filter { index in
            guard case .success(let header) = findings[index].header else { return false }
            return header.dataPool != nil
        }
        let left = Set(distant)
        objects.removeAll { left.contains($0) }
        return distant
    }
}
