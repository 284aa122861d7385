import Testing

@testable import SANBackendRBD

@Suite("What librbd is asked for the data of a range") struct DataQuestionTests {
    @Test("a range begins where an object does (Ceph PR 44483), and ends where it did")
    func aligns() {
        let object: UInt64 = 4 << 20
        for range in [0..<1, object - 1..<object + 1, object..<2 * object, 5 * object + 7..<9 * object - 3] {
            let question = DataQuestion(range, order: 22, features: .fastDiff, flags: [])
            #expect(question.isFast)
            #expect(question.offset % object == 0 && question.offset <= range.lowerBound)
            #expect(range.lowerBound - question.offset < object)
            #expect(question.offset + question.length == range.upperBound)
        }
        // Whatever a header says.
        #expect(DataQuestion(5..<9, order: 255, features: [], flags: []).offset == 0)
    }

    @Test("fast-diff is asked where the image has it, it is valid, and there are no stripes")
    func asksFastDiff() {
        func isFast(_ features: ImageFeatures, _ flags: ImageFlags = []) -> Bool {
            DataQuestion(0..<1, order: 22, features: features, flags: flags).isFast
        }
        #expect(isFast(.fastDiff) && !isFast([]))
        #expect(!isFast(.fastDiff, .fastDiffInvalid))
        #expect(!isFast([.fastDiff, .striping]))
    }
}
