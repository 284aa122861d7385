import CCeph
import SANModel

/// What one look at a pool's images finds: names first, then what the header of each says, many at a time.
///
/// Nothing is opened: librbd takes several round trips in turn for that, and a watch on the image. Runs on a thread that may block.
struct ImageScan {
    /// What an image's objects said.
    struct Finding: Sendable {
        var image: ListedImage
        var header: Result<ImageHeader, StorageError>
        /// In bytes; nil where nobody keeps count of the image's objects.
        var usage: UInt64?
        /// Nil for an image that isn't encrypted; a failure where that couldn't be seen.
        var luks: Result<ImageLUKS?, StorageError>
    }

    /// What a pool's directory says of an image.
    private struct Entry: Hashable {
        var name: String
        var id: String

        init(_ image: ListedImage) {
            (name, id) = (image.name, image.id)
        }
    }

    let connection: ClusterConnection
    let deadline: Deadline
    /// Look at the object maps.
    let wantsUsage: Bool
    /// Is called with each object that has answered, or has failed to.
    var heard: @Sendable () -> Void = {}

    /// How many headers are asked for at once.
    static let window = 64
    /// How much memory the answers of object maps may take at once, as one of a large image takes megabytes.
    private static let mapMemory = 16 << 20

    /// Looks at what is in the connection's own pool.
    ///
    /// - Returns: whose beginning is yet to be looked at, and how long each part took, too.
    /// - Throws: what listing throws; `timed_out`. An image that can't be read is one finding with its error.
    func run() throws(StorageError) -> (findings: [Finding], unread: Unread, times: ScanTimes) {
        var times = ScanTimes()
        let images = try times.measure("names") { () throws(StorageError) in try connection.images() }
        var findings = try times.measure("headers") { () throws(StorageError) in try headers(of: images) }
        if findings.contains(where: { $0.isGone }) {
            // Deleted since, or half deleted: what is still in the directory is the latter.
            let left = Set(try connection.images().map { Entry($0) })
            findings.removeAll { $0.isGone && !left.contains(Entry($0.image)) }
        }
        if wantsUsage { try times.measure("usage") { () throws(StorageError) in try readMaps(&findings) } }
        let unread = try times.measure("encryption") { () throws(StorageError) in
            var unread = Unread(findings)
            let distant = unread.leaveDistant(findings)
            let all = findings
            try readObjects(&unread, all) { findings[$0].luks = $1 }
            unread.objects = distant
            return unread
        }
        return (findings, unread, times)
    }

    /// All of it, for images that were listed already.
    func findings(of images: [ListedImage]) throws(StorageError) -> [Finding] {
        var findings = try headers(of: images)
        if wantsUsage { try readMaps(&findings) }
        let all = findings
        try readBeginnings(Unread(all), all) { findings[$0].luks = $1 }
        return findings
    }

    /// What their headers alone say.
    func headers(of images: [ListedImage]) throws(StorageError) -> [Finding] {
        var findings: [Finding] = []
        findings.reserveCapacity(images.count)
        try ask(images, ImageHeader.calls(wantsFlags: wantsUsage), window: ImageScan.window) { image in
            image.id.isEmpty ? nil : (ImageHeader.object(of: image.id), nil)
        } answered: { image, outcome in
            findings.append(finding(image, outcome))
        }
        try readDataPools(&findings)
        return findings
    }

    /// Where the data of those is that don't have it in their own pool.
    private func readDataPools(_ findings: inout [Finding]) throws(StorageError) {
        let images = findings.indices.filter { index in
            guard case .success(let header) = findings[index].header else { return false }
            return header.features.contains(.dataPool)
        }
        let ids = images.map { findings[$0].image.id }
        var pools: [Int64?] = []
        try ask(ids, [ImageHeader.dataPoolCall], window: ImageScan.window) { id in
            (ImageHeader.object(of: id), nil)
        } answered: { _, outcome in
            pools.append(outcome.flatMap { $0.answers.first ?? nil }.flatMap { ImageHeader.dataPool($0) })
        }
        for (index, pool) in zip(images, pools) {
            findings[index].header = findings[index].header.map { header in
                var header = header
                header.dataPool = pool
                return header
            }
        }
    }

    /// Asks one object for each subject, many at once, and hands the answers over in the order of the subjects.
    ///
    /// - Parameters:
    ///   - object: its name and the number of its pool, where that isn't the connection's; nil to ask nothing, and hand nothing over.
    ///   - answered: gets nil for what wasn't asked.
    func ask<Subject>(
        _ subjects: [Subject], _ calls: [ClassCalls.Call], window: Int,
        object: (Subject) -> (name: String, pool: Int64?)?,
        answered: (Subject, ClassCalls.Outcome?) throws(StorageError) -> Void
    ) throws(StorageError) {
        let slots = (0..<min(subjects.count, window)).map { _ in ClassCalls(calls) }
        // The results of the sends; what isn't sent isn't waited for.
        var sent: [Int32?] = []
        sent.reserveCapacity(subjects.count)
        func send(_ index: Int) {
            let object = object(subjects[index])
            sent.append(object.map { slots[index % slots.count].start(on: $0.name, connection, pool: $0.pool) })
        }
        for index in slots.indices { send(index) }
        for (index, subject) in subjects.enumerated() {
            try checkDeadline()
            let outcome = sent[index].map { result in
                result < 0
                    ? ClassCalls.Outcome(result: result, answers: []) : slots[index % slots.count].wait()
            }
            heard()
            try answered(subject, outcome)
            if index + slots.count < subjects.count { send(index + slots.count) }
        }
    }

    private func finding(_ image: ListedImage, _ outcome: ClassCalls.Outcome?) -> Finding {
        guard let outcome else { return Finding(image: image, header: oldHeader(of: image)) }
        guard outcome.result >= 0 else {
            return Finding(image: image, header: .failure(failure(outcome.result, image)))
        }
        do throws(DamagedAnswer) {
            return Finding(image: image, header: .success(try ImageHeader(answers: outcome.answers)))
        } catch {
            return Finding(
                image: image,
                header: .failure(
                    StorageError(
                        .backendFailure, "The header of the image '\(image.name.printable)' makes no sense",
                        subject: .volume(image.name.printable))))
        }
    }

    private func failure(_ result: Int32, _ image: ListedImage) -> StorageError {
        let name = image.name.printable
        let failure = CephFailure(result)
        let error =
            failure.errno == .noSuchFileOrDirectory
            ? StorageError(
                .notFound, "The image '\(name)' has a name and no header: it was deleted half; delete it again")
            : failure.error(cannot: "read the header of the image '\(name)'", in: connection.source)
        return error.about(.volume, name)
    }

    /// An image of format 1 has its header in another form, which librbd reads.
    private func oldHeader(of image: ListedImage) -> Result<ImageHeader, StorageError> {
        do throws(StorageError) {
            return .success(try OpenImage(image.name, readOnly: true, connection).header())
        } catch {
            return .failure(error)
        }
    }

    // MARK: Usage

    private func readMaps(_ findings: inout [Finding]) throws(StorageError) {
        var inFlight: [(index: Int, calls: ClassCalls, header: ImageHeader, cost: Int)] = []
        var first = 0
        var cost = 0
        for index in findings.indices {
            guard case .success(let header) = findings[index].header, header.hasObjectMap,
                let call = ObjectMap.call(objects: header.objectCount)
            else { continue }
            while first < inFlight.count,
                inFlight.count - first >= ImageScan.window || cost + call.limit > ImageScan.mapMemory
            {
                try finishMap(&inFlight, &first, &cost, &findings)
            }
            let calls = ClassCalls([call])
            guard calls.start(on: ObjectMap.object(of: findings[index].image.id), connection) >= 0 else { continue }
            inFlight.append((index, calls, header, call.limit))
            cost += call.limit
        }
        while first < inFlight.count { try finishMap(&inFlight, &first, &cost, &findings) }
    }

    private func finishMap(
        _ inFlight: inout [(index: Int, calls: ClassCalls, header: ImageHeader, cost: Int)], _ first: inout Int,
        _ cost: inout Int, _ findings: inout [Finding]
    ) throws(StorageError) {
        try checkDeadline()
        let (index, calls, header, freed) = inFlight[first]
        cost -= freed
        first += 1
        if first >= ImageScan.window {
            inFlight.removeFirst(first)
            first = 0
        }
        guard let answer = calls.wait().answers.first ?? nil,
            let count = try? ObjectMap.count(answer)  // without it the capacity is shown, as without a map
        else { return }
        findings[index].usage = min(count.multipliedReportingOverflow(by: header.objectSize).partialValue, header.size)
    }

    func checkDeadline() throws(StorageError) {
        guard deadline.hasPassed else { return }
        throw StorageError(.timedOut, "The images of '\(connection.source.place)' weren't all read in time")
    }
}

extension ImageScan.Finding {
    fileprivate init(image: ListedImage, header: Result<ImageHeader, StorageError>) {
        self.init(image: image, header: header, usage: nil, luks: .success(nil))
    }

    /// What a clone stands on.
    var parent: ImageHeader.Parent? {
        if case .success(let header) = header { header.parent } else { nil }
    }

    fileprivate var isGone: Bool {
        if case .failure(let error) = header { error.code == .notFound } else { false }
    }
}
