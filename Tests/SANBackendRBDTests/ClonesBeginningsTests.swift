import SANModel
import Testing

@testable import SANBackendRBD

/// What one clone tells of the others that stand on the same snapshot.
@Suite struct ClonesBeginningsTests {
    private typealias Luks = Result<ImageLUKS?, StorageError>

    private let origin = ClonesBeginnings.Origin(
        parent: .init(pool: 1, namespace: "", image: "abc", snapshot: 4), overlap: 8 << 20)
    private let encrypted: ImageLUKS = .unreadable

    private func learned(_ luks: Luks, isStillInherited: Bool = true, times: Int = 1) throws -> Luks? {
        var beginnings = ClonesBeginnings()
        for _ in 0..<times {
            try beginnings.learn(luks, of: origin) { () throws(StorageError) in isStillInherited }
        }
        return beginnings.answer(for: "b", of: origin, size: 8 << 20)
    }

    @Test("what one begins with the others do, encrypted or not")
    func shares() throws {
        #expect(try learned(.success(nil)) == .success(nil))
        #expect(try learned(.success(encrypted)) == .success(encrypted.within(8 << 20)))
        #expect(ClonesBeginnings().answer(for: "b", of: origin, size: 1) == nil)
        var beginnings = ClonesBeginnings()
        try beginnings.learn(.success(nil), of: origin) { () throws(StorageError) in true }
        var other = origin
        other.overlap = 1
        #expect(beginnings.answer(for: "b", of: other, size: 1) == nil)
        #expect(beginnings.answer(for: "b", of: nil, size: 1) == nil)
    }

    @Test("a clone that was written to while it was asked tells nothing of the others")
    func written() throws {
        #expect(try learned(.success(nil), isStillInherited: false) == nil)
    }

    @Test("one that can't be read doesn't make the others fail; of many such each is told by its own name")
    func failed() throws {
        let failure = Luks.failure(StorageError(.permissionDenied, "The image 'a' can't be opened"))
        #expect(try learned(failure) == nil)
        let shared = try #require(try learned(failure, times: ClonesBeginnings.failureLimit))
        let error = #expect(throws: StorageError.self) { _ = try shared.get() }
        #expect(error?.code == .permissionDenied && error?.message.contains("'b'") == true)
        let gone = Luks.failure(StorageError(.notFound, "gone"))
        #expect(try learned(gone, times: 9) == nil)
    }
}
