import SystemPackage
import Testing

@testable import SANCommands

@Suite("pool edit")
struct PoolEditTests {
    /// A lab with one pool, and an editor that is this script.
    private func lab(editor script: String) async throws -> CommandLab {
        var lab = try CommandLab()
        let file = try lab.file("san.xml", CommandLab.pool("san"))
        #expect(try await lab.run("pool define \(file)").code == 0)
        let editor = try lab.file("editor", "set -eu\n" + script)
        lab.environment = ["EDITOR": "sh \(editor)", "VISUAL": "", "TMPDIR": lab.folder.path.string]
        return lab
    }

    @Test("stores what comes back, and removes the private copy")
    func changed() async throws {
        let lab = try await lab(
            editor: """
                test "$(stat -c %a "$1")" = 600
                test "$(stat -c %a "$(dirname "$1")")" = 700
                sed -i "s/:pool'/:other'/" "$1"
                """)
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.output == "Pool san changed.\n", "\(outcome.errors)")
        #expect(try await lab.run("pool dumpxml san").output.contains("iqn.2013-06.com.example:other"))
        #expect(try leftovers(lab).isEmpty)
    }

    @Test("says that nothing was changed")
    func unchanged() async throws {
        let lab = try await lab(editor: "true")
        let outcome = try await lab.run("pool edit san -o json")
        #expect(outcome.code == 0 && outcome.output.contains("\"changed\": false"))
        #expect(try leftovers(lab).isEmpty)
    }

    @Test(
        "never loses the text: what doesn't pass is kept, and the error says where",
        arguments: [
            ("echo '<pool>' > \"$1\"", 65), ("sed -i 's/<name>san</<name>tan</' \"$1\"", 64), ("exit 3", 71),
        ] as [(String, Int32)])
    func kept(script: String, code: Int32) async throws {
        let lab = try await lab(editor: script)
        let before = try await lab.run("pool dumpxml san").output
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.code == code, "\(outcome.errors)")
        let folder = try #require(try leftovers(lab).first)
        #expect(outcome.errors.contains("The text is kept in \(folder)/san.xml"))
        #expect(try await lab.run("pool dumpxml san").output == before)
    }

    @Test("a broken definition is edited as it stands, and stored when it can be read")
    func broken() async throws {
        let lab = try await lab(editor: "sed -i 's/<nam>/<name>/' \"$1\"")
        let file = lab.folder.appending("etc/storage/san.xml").string
        let text = try lab.read(file)
        _ = try lab.file("etc/storage/san.xml", text.replacing("<name>", with: "<nam>"))
        #expect(try await lab.run("pool dumpxml san").code == 65)
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.output == "Pool san changed.\n", "\(outcome.errors)")
        #expect(try lab.read(file) == text)
        #expect(try leftovers(lab).isEmpty)
    }

    @Test(
        "a broken definition that is left broken stays as it is", arguments: ["true", "sed -i 's/<nam>/<na>/' \"$1\""])
    func stillBroken(script: String) async throws {
        let lab = try await lab(editor: script)
        let broken = try lab.read(lab.folder.appending("etc/storage/san.xml").string).replacing("<name>", with: "<nam>")
        let file = try lab.file("etc/storage/san.xml", broken)
        #expect(try await lab.run("pool edit san").code == 65)
        #expect(try lab.read(file) == broken)
    }

    @Test("a definition that is longer than any is refused with what to do, and can be removed")
    func tooLong() async throws {
        let lab = try await lab(editor: "exit 3")
        let text = String(repeating: " ", count: (16 << 20) + 1)
        _ = try lab.file("etc/storage/san.xml", text)
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.code == 71)
        #expect(outcome.errors.contains("longer than 16777216 bytes") && outcome.errors.contains("pool undefine"))
        #expect(try leftovers(lab).isEmpty)
        #expect(try await lab.run("pool undefine san").code == 0)
        #expect(try await lab.run("pool info san").code == 66)
    }

    @Test("a missing editor is told with a remedy")
    func missing() async throws {
        var lab = try await lab(editor: "true")
        lab.environment["EDITOR"] = "/nonexistent/editor"
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.code == 69 && outcome.errors.contains("EDITOR"))
    }

    @Test("without a terminal only an editor that was chosen is started")
    func noTerminal() async throws {
        var lab = try await lab(editor: "true")
        lab.environment["EDITOR"] = ""
        let outcome = try await lab.run("pool edit san")
        #expect(outcome.code == 64 && outcome.errors.contains("set EDITOR"))
        #expect(try leftovers(lab).isEmpty)
    }

    private func leftovers(_ lab: CommandLab) throws -> [String] {
        try lab.names(in: lab.folder.path.string).filter { $0.hasPrefix("sanctl-edit-") }
            .map { lab.folder.appending($0).string }
    }
}
