import SANModel
import Testing

@testable import SANCommands

@Suite("secret verbs")
struct SecretCommandTests {
    private func lab(isPrivate: Bool = false) async throws -> CommandLab {
        let lab = try CommandLab()
        let document = """
            <secret ephemeral='no' private='\(isPrivate ? "yes" : "no")'>
              <uuid>0b8a2c1e-5f5a-4c7e-9b0a-0123456789ab</uuid>
              <description>For the lab</description>
              <usage type='iscsi'><target>demo</target></usage>
            </secret>
            """
        #expect(try await lab.run("secret define -", input: document).output == "Secret iscsi:demo defined.\n")
        return lab
    }

    @Test("the value from standard input, a file, base64; bytes are kept as they are")
    func values() async throws {
        let lab = try await lab()
        #expect(try await lab.run("secret set-value iscsi:demo --stdin", input: "pass word").code == 0)
        #expect(try await lab.run("secret get-value iscsi:demo").output == "pass word")
        #expect(try await lab.run("secret get-value iscsi:demo --base64").output == "cGFzcyB3b3Jk\n")
        let file = try lab.file("value", "with newline\n")
        let warned = try await lab.run("secret set-value iscsi:demo --file \(file)")
        #expect(warned.errors.hasPrefix("warning: ") && warned.errors.contains("newline"))
        #expect(try await lab.run("secret get-value iscsi:demo").output == "with newline\n")
        #expect(try await lab.run("secret set-value iscsi:demo --stdin --base64", input: "AP8K\n").errors.isEmpty)
        #expect(try await lab.run("secret get-value iscsi:demo --base64").output == "AP8K\n")
    }

    @Test("mistakes: no value in an argument, no source or two, empty, not base64, too long, unknown secret")
    func mistakes() async throws {
        let lab = try await lab()
        #expect(try await lab.run("secret set-value iscsi:demo s3cret").code == 64)
        #expect(try await lab.run("secret set-value iscsi:demo").code == 64)
        #expect(try await lab.run("secret set-value iscsi:demo --stdin --interactive").code == 64)
        #expect(try await lab.run("secret set-value iscsi:demo --stdin").code == 64)
        #expect(try await lab.run("secret set-value iscsi:demo --stdin --base64", input: "???").code == 64)
        let long = String(repeating: "x", count: 65_537)
        #expect(try await lab.run("secret set-value iscsi:demo --stdin", input: long).code == 64)
        #expect(try await lab.run("secret set-value iscsi:nope --stdin", input: "x").code == 66)
        #expect(try await lab.run("secret set-value iscsi:demo --interactive", input: "x").code == 64)
        #expect(try await lab.run("secret get-value iscsi:demo").code == 66)
    }

    @Test("L89: no value in lists, documents, JSON, notices or errors; a private one is never given out")
    func neverShown() async throws {
        let lab = try await lab(isPrivate: true)
        let value = "hunter2-hunter2"
        var text = ""
        for (line, input) in [
            ("secret set-value iscsi:demo --stdin -o json -vvv", value), ("secret list", ""),
            ("secret list -o json", ""),
            ("secret dumpxml iscsi:demo", ""), ("secret dumpxml iscsi:demo -o json", ""),
            ("secret set-value iscsi:demo --stdin --base64", value), ("secret get-value iscsi:demo -o json", ""),
        ] {
            let outcome = try await lab.run(line, input: input)
            text += outcome.output + outcome.errors
        }
        #expect(!text.contains(value) && text.contains("\"has_value\": true"))
        #expect(try await lab.run("secret get-value iscsi:demo").code == 77)
        #expect(try await lab.run("secret get-value iscsi:demo --base64").code == 77)
    }

    @Test("list and undefine")
    func list() async throws {
        let lab = try await lab()
        #expect(
            try await lab.run("secret list").output == """
                UUID                                 USAGE      VALUE PRIVATE EPHEMERAL DESCRIPTION
                0b8a2c1e-5f5a-4c7e-9b0a-0123456789ab iscsi:demo none  no      no        For the lab

                """)
        let json = try await lab.run("secret undefine 0b8a2c1e-5f5a-4c7e-9b0a-0123456789ab -ojson").output
        #expect(json.contains("\"changed\": true") && json.contains("\"usage\": {"))
        #expect(try await lab.run("secret undefine iscsi:demo").code == 66)
    }

    @Test("a terminal isn't sent bytes that aren't text")
    func terminal() async throws {
        let lab = try await lab()
        #expect(try await lab.run("secret set-value iscsi:demo --stdin", input: "\u{1B}[2J").code == 0)
        #expect(try await lab.run("secret get-value iscsi:demo", terminal: true).code == 64)
        #expect(try await lab.run("secret get-value iscsi:demo").output == "\u{1B}[2J")
    }
}
