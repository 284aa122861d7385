import SANHost
import SANModel
import Testing

@testable import SANBackendRBD

/// Asking several places of which some are silent.
@Suite(.timeLimit(.minutes(2))) struct InquiryTests {
    @Test("a silent place costs the answers that it hasn't given, and no others; what fails isn't asked on")
    func outlivesSilence() async {
        let end = Event()
        let questions = ["good": Array(0..<100), "silent": [100, 101, 102], "failing": [103, 104]]
        let answers = await Inquiry<Int>.run(questions, patience: .milliseconds(200), until: .after(.seconds(60))) {
            indices, _, note throws(StorageError) in
            for index in indices {
                if index == 101 { end.wait() }
                if index == 104 { throw StorageError(.timedOut, "Nobody there") }
                note(index, index * 2)
            }
        }
        end.signal()
        #expect(Set(answers.keys) == Set(0..<100).union([100, 103]))
        #expect(answers.allSatisfy { $0.value == $0.key * 2 })
    }

    @Test("nobody is waited for after the end, however many are silent")
    func ends() async {
        let end = Event()
        let questions = Dictionary(uniqueKeysWithValues: (0..<40).map { ($0, [$0]) })
        let answers = await Inquiry<Int>.run(questions, patience: .seconds(3600), until: .after(.milliseconds(200))) {
            indices, _, note throws(StorageError) in
            end.wait()
            note(indices[0], 1)
        }
        for _ in questions { end.signal() }
        #expect(answers.isEmpty)
    }

    @Test("a place that is heard without an answer isn't silent, however long it takes")
    func waitsForTheSlow() async {
        let answers = await Inquiry<Int>.run([0: [7]], patience: .milliseconds(500), until: .after(.seconds(60))) {
            indices, heard, note throws(StorageError) in
            let end = Deadline.after(.seconds(2))
            while !end.hasPassed { heard() }
            note(indices[0], 1)
        }
        #expect(answers == [7: 1])
    }
}
