import SANModel
import Testing

@testable import SANBackendRBD

@Suite struct SnapshotLossesTests {
    private let refusal = StorageError(.busy, "It has a clone")
    private let silence = StorageError(.timedOut, "Nobody answered")

    private func losses(_ steps: (inout SnapshotLosses) -> Void) -> [String] {
        var losses = SnapshotLosses(of: "v")
        steps(&losses)
        return losses.told.map(\.message)
    }

    @Test("what is under way is told as what may have been done, whenever the waiting ends")
    func tellsWhatIsUnderWay() {
        #expect(losses { _ in }.isEmpty)
        let unprotecting = losses {
            $0.begin(.unprotecting("a"))
            $0.end()
            $0.begin(.unprotecting("b"))
        }
        #expect(unprotecting == ["The image 'v' has snapshots that were protected and may not be any more: b, a"])
        let deleting = losses {
            for name in ["a", "b"] {
                $0.begin(.unprotecting(name))
                $0.end()
            }
            $0.begin(.deleting("a"))
            $0.end()
            $0.begin(.deleting("b"))
        }
        #expect(
            deleting == [
                "The image 'v' has lost its snapshots a", "The image 'v' may have lost its snapshot b",
                "The image 'v' has snapshots that were protected and may not be any more: b",
            ])
    }

    @Test("what was refused wasn't done, and what the cluster didn't answer may have been")
    func tellsFailures() {
        #expect(
            losses {
                $0.begin(.deleting("a"))
                $0.fail(refusal)
            }.isEmpty)
        #expect(
            losses {
                $0.begin(.deleting("a"))
                $0.fail(silence)
            } == ["The image 'v' may have lost its snapshot a"])
    }

    @Test("what is protected again isn't told, and only what may have lost its protection is protected again")
    func protectsAgain() {
        var losses = SnapshotLosses(of: "v")
        losses.begin(.unprotecting("a"))
        losses.end()
        losses.begin(.unprotecting("b"))
        losses.fail(silence)
        #expect(losses.toProtect == ["b", "a"])
        losses.protectAgain("b")
        losses.protectAgain("a")
        #expect(losses.toProtect.isEmpty && losses.told.isEmpty)
        losses.begin(.unprotecting("c"))
        losses.fail(refusal)
        #expect(losses.toProtect.isEmpty && losses.told.isEmpty)
    }
}
