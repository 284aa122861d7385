import SANModel
import Testing

@testable import SANImages

/// A wipe that gives back what a sparse file has.
@Suite struct FileEmptyingTests {
    /// The lengths that the file is given; calls that fail are counted from 0.
    private func run(
        failing: Set<Int>, _ code: StorageError.Code = .hostFailure
    ) -> (lengths: [UInt64], error: StorageError?) {
        var (lengths, calls): ([UInt64], Int) = ([], 0)
        do throws(StorageError) {
            try FileEmptying.run("'f'", length: 4096) { length throws(StorageError) in
                defer { calls += 1 }
                if failing.contains(calls) { throw StorageError(code, "it \(calls)") }
                lengths.append(length)
            }
            return (lengths, nil)
        } catch {
            return (lengths, error)
        }
    }

    @Test func `A file gets its length back, at the second try too`() {
        for failing in [[], [1]] as [Set<Int>] {
            let (lengths, error) = run(failing: failing)
            #expect(lengths == [0, 4096] && error == nil)
        }
    }

    @Test func `A file that stays empty isn't passed over, and one that wasn't emptied is as it was`() {
        let (lengths, error) = run(failing: [1, 2])
        #expect(lengths == [0] && error?.code == .hostFailure)
        #expect(error?.message.contains("empty now") == true && error?.message.contains("4096 bytes") == true)
        #expect(error?.causes.map(\.message) == ["it 2"])
        let refused = run(failing: [0], .permissionDenied)
        #expect(refused.lengths.isEmpty && refused.error?.message == "it 0")
    }

    /// A server may have done what it couldn't tell any more.
    @Test func `A file that may have been emptied is told as such`() {
        let (lengths, error) = run(failing: [0], .unavailable)
        #expect(lengths.isEmpty && error?.code == .unavailable && error?.causes.map(\.message) == ["it 0"])
        #expect(error?.message.contains("may be empty now") == true && error?.message.contains("4096 bytes") == true)
    }
}
