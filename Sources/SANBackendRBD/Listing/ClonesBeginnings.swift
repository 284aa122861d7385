import SANModel

/// What clones without a first object of their own begin with, learned from one of each kind.
struct ClonesBeginnings {
    /// What clones share the beginning by.
    struct Origin: Hashable {
        var parent: ImageHeader.Parent
        /// How much of the parent the clone reaches, in bytes.
        var overlap: UInt64
    }

    /// So many clones of one origin that can't be read are each asked; the others wait for the next refresh, as each may take long.
    static let failureLimit = 4

    private var known: [Origin: ImageLUKS?] = [:]
    private var failures: [Origin: (count: Int, code: StorageError.Code)] = [:]

    /// - Returns: nil where the clone has to be asked itself.
    func answer(for name: String, of origin: Origin?, size: UInt64) -> Result<ImageLUKS?, StorageError>? {
        guard let origin else { return nil }
        if let luks = known[origin] { return .success(luks?.within(size)) }
        guard let (count, code) = failures[origin], count >= ClonesBeginnings.failureLimit else { return nil }
        return .failure(
            StorageError(
                code,
                "The beginning of the image '\(name.printable)' wasn't read, as that of others on the same snapshot can't be read",
                subject: .volume(name.printable)))
    }

    /// Learns from a clone that was asked.
    ///
    /// - Parameter isStillInherited: whether the clone had no first object after that either, and the same origin: one that was written to or
    ///   cut meanwhile tells of no other clone.
    mutating func learn(
        _ luks: Result<ImageLUKS?, StorageError>, of origin: Origin?, isStillInherited: () throws(StorageError) -> Bool
    ) throws(StorageError) {
        guard let origin else { return }
        switch luks {
        case .success(let luks):
            if try isStillInherited() { known[origin] = .some(luks) }
        case .failure(let error) where error.code != .notFound:
            failures[origin] = ((failures[origin]?.count ?? 0) + 1, error.code)
        // Of one that is gone by now nothing is learned of the others.
        case .failure: break
        }
    }
}
