import SANModel
import Synchronization
import Testing

@testable import SANBackendRBD

/// A cluster that makes one step fail, before or after it has an effect.
private final class FakeSteps: CloneSteps {
    struct State {
        /// Whether each is protected.
        var snapshots: [String: Bool] = [:]
        /// Names of images, with the snapshots that they stand on.
        var clones: [String: String] = [:]
        var wantsProtection = false
        var reusable: String?
        var steps = 0
        var failing: (step: Int, takesEffect: Bool)?
    }

    let state: Mutex<State>

    init(_ state: State) {
        self.state = Mutex(state)
    }

    private func step(_ body: (inout State) -> Void) throws(StorageError) {
        let fails = state.withLock { state in
            state.steps += 1
            let fails = state.failing?.step == state.steps
            if !fails || state.failing?.takesEffect == true { body(&state) }
            return fails
        }
        if fails { throw StorageError(.timedOut, "step failed") }
    }

    func reusableSnapshot() async throws(StorageError) -> String? {
        try step { _ in }
        return state.withLock { $0.reusable }
    }

    func makeSnapshot(_ name: String) async throws(StorageError) { try step { $0.snapshots[name] = false } }

    func deleteSnapshot(_ name: String) async throws(StorageError) {
        let isUsed = state.withLock { $0.clones.values.contains(name) || $0.snapshots[name] == true }
        if isUsed { throw StorageError(.busy, "a clone stands on it, or it is protected") }
        state.withLock { $0.snapshots[name] = nil }
    }

    func protect(_ snapshot: String) async throws(StorageError) -> Bool {
        try step { $0.snapshots[snapshot] = true }
        return true
    }

    func unprotect(_ snapshot: String) async throws(StorageError) {
        let isUsed = state.withLock { $0.clones.values.contains(snapshot) }
        if isUsed { throw StorageError(.busy, "a clone stands on it") }
        state.withLock { $0.snapshots[snapshot] = false }
    }

    func clone(_ snapshot: String, as name: String) async throws(StorageError) -> Bool {
        let isRefused = state.withLock { $0.wantsProtection && $0.snapshots[snapshot] == false }
        if isRefused { return false }
        try step { $0.clones[name] = snapshot }
        return true
    }

    func deleteClone(_ name: String) async throws(StorageError) { state.withLock { $0.clones[name] = nil } }

    func publish(_ name: String) async throws(StorageError) {
        try step { state in
            state.clones["clone"] = state.clones[name]
            state.clones[name] = nil
        }
    }
}

@Suite struct ImageCloningTests {
    @Test(
        "a clone that fails at any step leaves no snapshot and no image behind",
        arguments: [(false, 4), (true, 5)], [false, true])
    func failsAtEachStep(_ kind: (wantsProtection: Bool, steps: Int), takesEffect: Bool) async throws {
        for step in 1...kind.steps {
            var state = FakeSteps.State()
            state.wantsProtection = kind.wantsProtection
            state.failing = (step, takesEffect)
            let steps = FakeSteps(state)
            let error = try #require(await failure(of: ImageCloning(steps: steps, snapshot: nil)))
            let isPublished = step == kind.steps && takesEffect
            #expect(error.code == .timedOut && error.causes.isEmpty == !isPublished)
            steps.state.withLock { state in
                // Who hears of the last step's time-out has the clone, and what it stands on.
                #expect(state.clones.keys.sorted() == (isPublished ? ["clone"] : []), "step \(step)")
                #expect(state.snapshots.count == (isPublished ? 1 : 0), "step \(step)")
            }
        }
        var state = FakeSteps.State()
        state.wantsProtection = kind.wantsProtection
        let steps = FakeSteps(state)
        try await ImageCloning(steps: steps, snapshot: nil).run()
        steps.state.withLock { state in
            #expect(state.steps == kind.steps)
            #expect(state.clones.keys.sorted() == ["clone"])
            #expect(state.snapshots.values.elementsEqual([kind.wantsProtection]))
            #expect(state.snapshots.keys.allSatisfy { ImageNaming.isForClones($0) })
        }
    }

    @Test("a snapshot of the user's own is protected only as long as a clone stands on it", arguments: [1, 2, 3])
    func givesSnapshotsBack(_ step: Int) async throws {
        var state = FakeSteps.State()
        state.wantsProtection = true
        state.snapshots["mine"] = false
        state.failing = (step, false)
        let steps = FakeSteps(state)
        _ = try #require(await failure(of: ImageCloning(steps: steps, snapshot: "mine")))
        steps.state.withLock { state in
            #expect(state.snapshots == ["mine": false])
            #expect(state.clones.isEmpty)
        }
    }

    @Test func usesTheSnapshotOfAnEarlierClone() async throws {
        var state = FakeSteps.State()
        state.reusable = "sanctl-clone-1"
        state.snapshots["sanctl-clone-1"] = false
        let steps = FakeSteps(state)
        try await ImageCloning(steps: steps, snapshot: nil).run()
        steps.state.withLock { state in
            #expect(state.snapshots.count == 1)
            #expect(state.clones == ["clone": "sanctl-clone-1"])
        }
    }

    @Test("a snapshot was made for clones where all of its name says so: a user's is deleted only when asked for")
    func knowsItsOwnSnapshots() {
        for _ in 1...100 { #expect(ImageNaming.isForClones(ImageNaming.snapshot())) }
        for name in ["golden", "", "beef", "0123456789abcdeg", "0123456789abcdef0", "0123456789ABCDEF"] {
            #expect(!ImageNaming.isForClones("sanctl-clone-" + name))
        }
        #expect(!ImageNaming.isForClones("0123456789abcdef"))
    }

    private func failure(of cloning: ImageCloning<FakeSteps>) async -> StorageError? {
        do throws(StorageError) {
            try await cloning.run()
            return nil
        } catch {
            return error
        }
    }
}
