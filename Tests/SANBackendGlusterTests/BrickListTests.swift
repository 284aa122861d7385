import SANModel
import Testing

@testable import SANBackendGluster

/// Which bricks a client lacks.
@Suite struct BrickListTests {
    private func list(_ bricks: [(host: String, path: String)]) -> BrickList {
        var text = ""
        for (index, brick) in bricks.enumerated() {
            text += """
                volume v-client-\(index)
                    type protocol/client
                    option remote-subvolume \(brick.path)
                    option remote-host \(brick.host)
                end-volume

                """
        }
        text += "volume v-dht\n    type cluster/distribute\n    subvolumes v-client-0\nend-volume\n"
        return BrickList(volumeFile: Array(text.utf8))
    }

    private let pair = [(host: "10.0.0.1", path: "/bricks/a"), (host: "10.0.0.2", path: "/bricks/a b")]

    @Test func `Bricks that answer are none of the missing`() {
        let answer =
            "(<REPLICATE:v-replicate-0> <POSIX(/bricks/a b):two:/bricks/a b/> <POSIX(/bricks/a):one:/bricks/a/>)"
        #expect(list(pair).hosts.count == 2)
        #expect(list(pair).missing(from: answer).isEmpty)
    }

    @Test func `A brick that doesn't answer is named`() {
        let missing = list(pair).missing(from: "(<REPLICATE:v-replicate-0> <POSIX(/bricks/a):one:/bricks/a/>)")
        #expect(missing.map(\.description) == ["10.0.0.2:/bricks/a b"])
    }

    @Test func `Of bricks with one path it can't be told which`() {
        let bricks = list(["h1", "h2", "h3"].map { (host: $0, path: "/b") })
        let missing = bricks.missing(from: "(<POSIX(/b):x:/b/> <POSIX(/b):y:/b/>)")
        #expect(missing.map(\.description) == ["1 of h1:/b, h2:/b, h3:/b"])
    }

    @Test(arguments: [
        "", "(<REPLICATE:v>)", "<POSIX(", "<POSIX(/other):h:/other/>", "<POSIX(/bricks/a):", "): <POSIX(",
    ])
    func `An answer that isn't one says nothing`(answer: String) {
        let missing = list(pair).missing(from: answer)
        #expect(missing.isEmpty || answer == "<POSIX(/bricks/a):" && missing.count == 1)
    }

    @Test(arguments: [
        StorageError.Code.unavailable, .unsupported, .backendFailure, .permissionDenied, .timedOut, .cancelled,
    ])
    func `Where bricks can't be counted, the list is as good, unless time is up`(code: StorageError.Code) throws {
        let source = try GlusterSource(GlusterSourceTests.definition())
        func problems() throws(StorageError) -> [Problem] {
            try source.problems(GlusterFixture.context()) { () throws(StorageError) in throw StorageError(code, "it") }
        }
        if code == .timedOut || code == .cancelled {
            #expect(throws: StorageError.self) { try problems() }
        } else {
            #expect(try problems().isEmpty)
        }
    }

    @Test func `A broken volume file has no bricks`() {
        for text in ["", "volume\n", "option remote-host h\nend-volume", "volume a\ntype protocol/client\nend-volume"] {
            #expect(BrickList(volumeFile: Array(text.utf8)).hosts.isEmpty)
        }
    }
}
