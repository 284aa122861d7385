import SANModel
import SystemPackage
import Testing

@testable import SANCommands

@Suite("The command line as a whole")
struct CommandLineToolTests {
    @Test(
        "usage errors end in 64, as text or as JSON on standard error",
        arguments: [
            "pool lisst", "frobnicate", "pool list --nope", "pool start", "--timeout x pool list", "-o yaml pool list",
            "pool",
        ])
    func usage(line: String) async throws {
        let lab = try CommandLab()
        let plain = try await lab.run(line)
        #expect(plain.code == 64 && plain.output.isEmpty && !plain.errors.isEmpty)
        let json = try await lab.run(line + " -o json")
        #expect(json.code == 64 && json.output.isEmpty)
        #expect(
            json.errors.hasPrefix(#"{"error":{"causes":[],"code":"invalid_argument","message":""#), "\(json.errors)")
    }

    @Test("the usage of a verb names the words before it")
    func usageOfVerb() async throws {
        let lab = try CommandLab()
        #expect(try await lab.run("pool list --nope").errors.contains("sanctl pool list"))
        #expect(try await lab.run("pool list -h").output.contains("sanctl pool list"))
        #expect(try await lab.run("pool list --version").output == "sanctl 0.1.0\n")
    }

    @Test("a mistyped argument comes back escaped")
    func hostileArgument() async throws {
        let outcome = try await CommandLab().run(["pool", "li\u{1B}[2Jst"])
        #expect(outcome.code == 64 && !outcome.errors.contains("\u{1B}"))
    }

    @Test("help and version go to standard output and succeed")
    func help() async throws {
        let lab = try CommandLab()
        for line in ["--help", "pool --help", "--help pool list", "help pool list", "pool list -h", "--version"] {
            let outcome = try await lab.run(line)
            #expect(outcome.code == 0 && !outcome.output.isEmpty && outcome.errors.isEmpty, "\(line)")
        }
        #expect(try await lab.run("pool --version list").output == "sanctl 0.1.0\n")
    }

    @Test("a reader that goes away ends it quietly, with 141")
    func brokenPipe() async throws {
        let lab = try CommandLab()
        let errors = MemorySink()
        let console = lab.console(
            input: .standardInput, output: MemorySink(failure: .brokenPipe), errors: errors)
        #expect(await lab.run(["pool", "list"], on: console) == 141)
        #expect(errors.text.isEmpty)
        let full = lab.console(input: .standardInput, output: MemorySink(failure: .noSpace), errors: errors)
        #expect(await lab.run(["pool", "list"], on: full) == 71)
        #expect(errors.text.contains("Standard output can't be written"))
    }

    @Test("completion offers the names in the store that begin so, and none that a terminal would act on")
    func completion() async throws {
        let lab = try CommandLab([CommandLab.unit(1, capacity: 1 << 20), CommandLab.unit(12, capacity: 1 << 20)])
        for name in ["san1", "san2", "other"] {
            let file = try lab.file("p.xml", CommandLab.pool(name, target: "iqn.2013-06.com.example:\(name)"))
            #expect(try await lab.run("pool define \(file)").code == 0)
        }
        #expect(try await lab.run("pool start san1").code == 0)
        let pools = try await lab.run("---completion pool start -- positional@0 3 2 sanctl pool start sa")
        #expect(pools.output == "san1\nsan2\n")
        let volumes = try await lab.run("---completion volume info -- positional@0 3 9 sanctl volume info unit:0:0:1")
        #expect(volumes.output == "unit:0:0:1\nunit:0:0:12\n")
        let option = try await lab.run("---completion volume info -- --pool 4 1 sanctl volume info --pool o")
        #expect(option.output == "other\n")
        for shell in ["bash", "zsh", "fish"] {
            let script = try await lab.run("--generate-completion-script \(shell)")
            #expect(script.code == 0 && script.output.contains("---completion"))
        }
    }
}
