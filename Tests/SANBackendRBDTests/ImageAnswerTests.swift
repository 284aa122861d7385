import SANModel
import Testing

@testable import SANBackendRBD

/// What the cluster answers, decoded: bytes from elsewhere never trap.
@Suite struct ImageAnswerTests {
    private static let size: [UInt8] = [22] + .ceph(5 << 20)
    private static let answers: [[UInt8]?] = [
        size, .ceph(61) + .ceph(0), .ceph(7) + [2, 0, 0, 0] + .ceph(7) + .ceph(6),
        [1, 1, 34, 0, 0, 0] + .ceph(3) + [2, 0, 0, 0] + "ns".utf8 + [3, 0, 0, 0] + "abc".utf8 + .ceph(4), .ceph(0),
    ]

    @Test func readsAHeader() throws {
        var header = try ImageHeader(answers: Self.answers)
        header.dataPool = ImageHeader.dataPool(.ceph(5))
        #expect(header.size == 5 << 20 && header.objectSize == 4 << 20 && header.objectCount == 2)
        #expect(header.firstObject(of: "abc", in: 2) == "rbd_data.2.abc.0000000000000000" && header.dataPool == 5)
        #expect(header.features.rawValue == 61 && header.hasObjectMap && header.snapshots == 2)
        #expect(header.parent == ImageHeader.Parent(pool: 3, namespace: "ns", image: "abc", snapshot: 4))
    }

    @Test("an object map that is marked as invalid isn't used")
    func distrustsAnInvalidMap() throws {
        var answers = Self.answers
        answers[4] = .ceph(1)
        #expect(try !ImageHeader(answers: answers).hasObjectMap)
    }

    @Test("an older cluster doesn't tell of parents; an image without one says -1")
    func readsNoParent() throws {
        var answers = Self.answers
        answers[3] = nil
        #expect(try ImageHeader(answers: answers).parent == nil)
        #expect(
            try ImageHeader(answers: answers).firstObject(of: "abc", in: 2) == "rbd_data.abc.0000000000000000")
        #expect(ImageHeader.dataPool(.ceph(.max)) == nil && ImageHeader.dataPool([1]) == nil)
        answers[3] = [1, 1, 28, 0, 0, 0] + .ceph(.max) + [0, 0, 0, 0, 0, 0, 0, 0] + .ceph(0)
        #expect(try ImageHeader(answers: answers).parent == nil)
    }

    @Test("what is cut, or makes no sense, is an error and not a trap")
    func survivesAnything() {
        for index in Self.answers.indices {
            for length in 0..<(Self.answers[index]?.count ?? 0) {
                var answers = Self.answers
                answers[index] = Array(answers[index]?.prefix(length) ?? [])
                // Some are complete without their end.
                _ = try? ImageHeader(answers: answers)
            }
        }
        for order: UInt8 in [0, 8, 41, 64, 255] {
            var answers = Self.answers
            answers[0] = [order] + .ceph(.max)
            #expect(throws: DamagedAnswer.self) { try ImageHeader(answers: answers) }
        }
        #expect(throws: DamagedAnswer.self) { try ImageHeader(answers: []) }
    }

    @Test("of the trash only what is left of deleted images is taken; what is cut is an error")
    func readsLeftovers() throws {
        func text(_ text: String) -> [UInt8] { [UInt8].ceph(UInt64(text.utf8.count)).prefix(4) + Array(text.utf8) }
        func entry(_ id: String, source: UInt8, _ name: String) -> [UInt8] {
            let fields = [source] + text(name) + .ceph(0) + .ceph(0) + [0]
            return text(id) + [2, 1] + [UInt8].ceph(UInt64(fields.count)).prefix(4) + fields
        }
        let entries = [entry("a", source: 0, "v"), entry("b", source: 3, "v"), entry("c", source: 2, "w")]
        let answer = [3, 0, 0, 0] + entries.joined()
        let (found, count, last) = try TrashObject.leftovers(answer)
        #expect(found == [Leftover(id: "b", name: "v")] && count == 3 && last == "c")
        #expect(try TrashObject.leftovers([0, 0, 0, 0]).found.isEmpty)
        for length in answer.indices {
            #expect(throws: DamagedAnswer.self) { try TrashObject.leftovers(Array(answer.prefix(length))) }
        }
        #expect(TrashObject.call(after: "a").input == text("a") + .ceph(1024))
    }

    @Test("an entry of the trash tells whether its removal has begun; one of Ceph 12 has no state")
    func readsStates() throws {
        func text(_ text: String) -> [UInt8] { [UInt8].ceph(UInt64(text.utf8.count)).prefix(4) + Array(text.utf8) }
        func entry(_ version: UInt8, _ state: [UInt8]) -> [UInt8] {
            let fields = [0] + text("v") + .ceph(0) + .ceph(0) + state
            return [version, 1] + [UInt8].ceph(UInt64(fields.count)).prefix(4) + fields
        }
        #expect(try TrashObject.state(entry(2, [0])) == .normal)
        #expect(try TrashObject.state(entry(2, [2])) == .removing)
        #expect(try TrashObject.state(entry(1, [])) == .normal)
        #expect(try TrashObject.state(entry(3, [9, 9])) == nil)
        let answer = entry(2, [2])
        for length in answer.indices {
            #expect(throws: DamagedAnswer.self) { try TrashObject.state(Array(answer.prefix(length))) }
        }
        #expect(TrashObject.entryCall("a").input == text("a"))
        #expect(TrashObject.stateCall("a", .removing, formerly: .normal).input == text("a") + [2, 0])
    }

    @Test("what is left of an image keeps its name, unless another one has it")
    func namesLeftovers() {
        let left = [Leftover(id: "1", name: "v"), Leftover(id: "2", name: "w")]
        let listed = [("v", "3"), ("x", "4"), ("v", "1"), ("w", "2")].map { ListedImage(name: $0, id: $1) }
        let marked = listed.marking(left)
        #expect(marked.map(\.title) == ["v", "x", "sanctl-deleted-1", "w"])
        #expect(marked.map(\.isLeftover) == [false, false, true, true])
        #expect(listed.marking([]) == listed)
    }

    @Test func readsAnOverlap() {
        #expect(ImageHeader.overlap([1] + .ceph(4096)) == 4096)
        for answer in [[], [0], [1, 2], [0] + .ceph(4096)] { #expect(ImageHeader.overlap(answer) == nil) }
    }

    @Test("only what was read, and is something else than a header of LUKS, is plain")
    func readsFirstBytes() throws {
        var header = try ImageHeader(answers: Self.answers)
        let parent = try #require(header.parent)
        func found(_ bytes: [UInt8]?) -> FirstBytes {
            FirstBytes(ClassCalls.Outcome(result: 0, answers: [bytes]), of: header)
        }
        func found(_ result: Int32) -> FirstBytes {
            FirstBytes(ClassCalls.Outcome(result: result, answers: []), of: header)
        }
        header.features = [.layering]
        #expect(found(Array("LUKS\u{0}x".utf8)) == .plain && found([]) == .plain)
        #expect(found(ImageLUKS.mark) == .marked && found(ImageLUKS.clonesMark) == .clonesOwn)
        #expect(found(nil) == .failed(0) && found(-13) == .failed(-13) && found(-110) == .failed(-110))
        #expect(found(-2) == .inherited(parent))
        header.parent = nil
        #expect(found(-2) == .plain)
        header.knowsParent = false
        #expect(found(-2) == .askedFor)
        header.knowsParent = true
        header.features = [.migrating]
        #expect(found(-2) == .askedFor)
        header.features = [.striping]
        #expect(found([UInt8(ascii: "L"), 0]) == .askedFor && found([1]) == .plain)
        (header.features, header.order) = ([], 12)
        #expect(found(ImageLUKS.mark) == .askedFor)
        #expect(header.knowsPlace)
        (header.features, header.dataPool) = ([.dataPool], nil)
        #expect(!header.knowsPlace)
    }

    private static func map(_ objects: UInt64, _ data: [UInt8]) -> [UInt8] {
        [14, 0, 0, 0, 1, 1, 8, 0, 0, 0] + .ceph(objects) + data + [0, 0, 0, 0]
    }

    @Test("an object map has two bits for each object, the first ones highest; what is behind its end isn't counted")
    func countsObjects() throws {
        #expect(try ObjectMap.count(Self.map(4, [0b01_11_00_10])) == 3)
        #expect(try ObjectMap.count(Self.map(2, [0b01_00_11_11])) == 1)
        #expect(try ObjectMap.count(Self.map(5, [0xFF, 0b11_11_00_00])) == 5)
        #expect(try ObjectMap.count(Self.map(0, [])) == 0)
        for answer in [[], Self.map(.max, []), Self.map(100, [0]), [255, 255, 255, 255, 1], [2, 0, 0, 0, 1, 1]] {
            #expect(throws: DamagedAnswer.self) { try ObjectMap.count(answer) }
        }
        #expect(ObjectMap.call(objects: .max) == nil)
    }

    // MARK: Sizes

    private static let report = """
        {"stats":{"total_bytes":1},"pools":[{"name":"a","id":1,"stats":{"stored":5,"max_avail":7}},
        {"name":"b\\u0041\\n","id":2,"stats":{"stored":100,"max_avail":1000,"percent_used":1.5e-05,"quota_bytes":%}}]}
        """

    private static func usage(quota: String, pool: Int64 = 2) -> PoolUsage? {
        PoolUsage(answer: Array(report.replacing("%", with: quota).utf8), pool: pool)
    }

    @Test("available is the pool's own limit, bounded by its quota")
    func readsUsage() {
        #expect(Self.usage(quota: "0") == PoolUsage(allocation: 100, available: 1000))
        #expect(Self.usage(quota: "300") == PoolUsage(allocation: 100, available: 200))
        #expect(Self.usage(quota: "50") == PoolUsage(allocation: 100, available: 0))
        #expect(Self.usage(quota: "0", pool: 1)?.capacity == 12)
        #expect(Self.usage(quota: "0", pool: 3) == nil && Self.usage(quota: "0", pool: -1) == nil)
    }

    @Test(arguments: ["", "{", "[1,", "{\"a\"}", "{\"a\":}", "\"x", "\"\\", "\"\\u12", "nul", "1 2", "{}}", "\u{0}"])
    func refusesWhatIsNoJSON(_ text: String) {
        #expect(JSONText(Array(text.utf8)) == nil)
    }

    @Test func boundsNesting() {
        #expect(JSONText(Array(String(repeating: "[", count: 100_000).utf8)) == nil)
        #expect(JSONText(Array("[[[1]],\"a\\\"b\",true,false,null]".utf8))?.elements.count == 5)
    }
}
