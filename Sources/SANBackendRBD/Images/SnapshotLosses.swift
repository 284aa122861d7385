import SANModel

/// What an image has lost of its snapshots by the time that something ends their deletion.
struct SnapshotLosses: Sendable, Hashable {
    /// A call whose end isn't known yet.
    enum Attempt: Sendable, Hashable {
        case unprotecting(String)
        case deleting(String)
    }

    let image: String
    private(set) var unprotected: [String] = []
    private(set) var gone: [String] = []
    private(set) var attempt: Attempt?

    init(of image: String) {
        self.image = image
    }

    mutating func begin(_ attempt: Attempt) {
        self.attempt = attempt
    }

    mutating func end() {
        switch attempt {
        case .unprotecting(let name): unprotected.append(name)
        case .deleting(let name): gone.append(name)
        case nil: break
        }
        attempt = nil
    }

    /// Notes that a call has failed; where the cluster didn't answer in time it may have been carried out all the same.
    mutating func fail(_ error: StorageError) {
        if error.code != .timedOut { attempt = nil }
    }

    mutating func protectAgain(_ name: String) {
        unprotected.removeAll { $0 == name }
        if attempt == .unprotecting(name) { attempt = nil }
    }

    /// What is there and isn't protected any more, or may not be, the newest first.
    var toProtect: [String] {
        var names = unprotected.filter { !gone.contains($0) }
        if case .unprotecting(let name) = attempt { names.append(name) }
        return names.reversed()
    }

    var told: [StorageError] {
        let shown = image.printable
        func told(_ message: String) -> StorageError {
            StorageError(.invalidState, message, subject: .volume(shown))
        }
        var losses: [StorageError] = []
        if !gone.isEmpty {
            losses.append(told("The image '\(shown)' has lost its snapshots \(gone.map(\.printable).shortList)"))
        }
        if case .deleting(let name) = attempt {
            losses.append(told("The image '\(shown)' may have lost its snapshot \(name.printable)"))
        }
        if !toProtect.isEmpty {
            losses.append(
                told(
                    "The image '\(shown)' has snapshots that were protected and may not be any more: \(toProtect.map(\.printable).shortList)"
                ))
        }
        return losses
    }
}
