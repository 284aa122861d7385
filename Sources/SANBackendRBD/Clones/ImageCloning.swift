import SANEngine
import SANImages
import SANModel

/// What a clone is made with, a call for each step.
protocol CloneSteps: Sendable {
    /// A snapshot that was made for another clone, where the image hasn't changed since.
    func reusableSnapshot() async throws(StorageError) -> String?
    func makeSnapshot(_ name: String) async throws(StorageError)
    /// Does nothing where there is none.
    func deleteSnapshot(_ name: String) async throws(StorageError)
    /// - Returns: false where somebody else has protected it.
    func protect(_ snapshot: String) async throws(StorageError) -> Bool
    /// Does nothing where it isn't protected.
    func unprotect(_ snapshot: String) async throws(StorageError)
    /// - Returns: false where the snapshot must be protected first, and nothing was made.
    func clone(_ snapshot: String, as name: String) async throws(StorageError) -> Bool
    /// Does nothing where there is none.
    func deleteClone(_ name: String) async throws(StorageError)
    /// Gives the clone its name.
    func publish(_ name: String) async throws(StorageError)
}

/// Makes a clone, or leaves everything as it was.
///
/// Each step's undo is noted before the step: one that times out may have been carried out all the same.
struct ImageCloning<Steps: CloneSteps>: Sendable {
    let steps: Steps
    /// The snapshot to stand on; nil for what the image holds now.
    let snapshot: String?

    /// - Throws: the first step's failure, with what couldn't be taken back among its causes.
    func run() async throws(StorageError) {
        var undo = UndoList()
        do throws(StorageError) {
            try await make(&undo)
        } catch {
            throw await undo.run(after: error).error
        }
    }

    private func make(_ undo: inout UndoList) async throws(StorageError) {
        let steps = steps
        let parent = try await parent(&undo)
        let staged = ImageNaming.unfinished()
        undo.append { () async throws(StorageError) in try await steps.deleteClone(staged) }
        if try await !steps.clone(parent, as: staged) {
            let withoutThis = undo
            undo.append { () async throws(StorageError) in try await steps.unprotect(parent) }
            if try await !steps.protect(parent) { undo = withoutThis }
            undo.append { () async throws(StorageError) in try await steps.deleteClone(staged) }
            guard try await steps.clone(parent, as: staged) else {
                throw StorageError(
                    .backendFailure, "The cluster doesn't clone the snapshot '\(parent.printable)', protected or not")
            }
        }
        try await steps.publish(staged)
    }

    private func parent(_ undo: inout UndoList) async throws(StorageError) -> String {
        if let snapshot { return snapshot }
        if let known = try await steps.reusableSnapshot() { return known }
        let steps = steps
        let name = ImageNaming.snapshot()
        undo.append { () async throws(StorageError) in try await steps.deleteSnapshot(name) }
        try await steps.makeSnapshot(name)
        return name
    }
}

/// The names that sanctl itself gives on a cluster.
enum ImageNaming {
    private static let snapshotPrefix = "sanctl-clone-"
    private static let unfinishedPrefix = "sanctl-unfinished-"

    /// Of a snapshot that is made for a clone.
    static func snapshot() -> String { snapshotPrefix + PrivateNumber.make() }

    /// Of an image that gets its own name when it is whole.
    static func unfinished() -> String { unfinishedPrefix + PrivateNumber.make() }

    /// Of the volume that is what is left of an image, where another one has its name.
    static func leftover(_ id: String) -> String { "sanctl-deleted-" + id }

    /// Whether a snapshot was made for a clone: what only looks like it, `sanctl-clone-golden`, is somebody's.
    static func isForClones(_ snapshot: String) -> Bool {
        snapshot.hasPrefix(snapshotPrefix) && PrivateNumber.isOne(snapshot.utf8.dropFirst(snapshotPrefix.utf8.count))
    }
}
