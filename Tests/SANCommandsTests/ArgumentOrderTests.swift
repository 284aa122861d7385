import Testing

@testable import SANCommands

@Suite("Global options before and after the verb")
struct ArgumentOrderTests {
    private let order = ArgumentOrder { words in
        [["pool"]: ["list", "start"], ["volume"]: ["list", "snapshot"], ["volume", "snapshot"]: ["create"]][words]
    }

    @Test(
        "stand behind the verb in the end",
        arguments: [
            ("-o json pool list --all", "pool list --output=json --all"),
            ("pool -o json list", "pool list --output=json"),
            ("pool list -o json", "pool list -o json"),
            ("-ojson pool list", "pool list --output=json"),
            ("-o=json pool list", "pool list --output=json"),
            ("--output=json pool list", "pool list --output=json"),
            ("--output json pool --timeout 5 list x", "pool list --output=json --timeout=5 x"),
            ("-q -v pool list", "pool list --quiet --verbose"),
            ("-qvv pool list", "pool list --quiet --verbose --verbose"),
            ("-qojson pool list", "pool list --quiet --output=json"),
            ("-qo json pool list", "pool list --quiet --output=json"),
            ("--help pool list", "pool list --help"),
            ("-h pool", "pool --help"),
            ("--version", "--version"),
            ("doctor -q", "doctor -q"),
            ("-q doctor", "doctor --quiet"),
            ("--help help pool list", "help --help pool list"),
            ("-o json volume -q snapshot create x", "volume snapshot create --output=json --quiet x"),
            ("-q volume snapshot --help", "volume snapshot --help"),
        ])
    func moved(typed: String, expected: String) {
        #expect(order.normalized(words(typed)) == words(expected))
    }

    @Test("A value that looks like a noun stays a value")
    func valueLikeNoun() {
        #expect(order.normalized(words("--config-dir pool volume list")) == words("volume list --config-dir=pool"))
        #expect(order.normalized(words("--state-dir -q pool list")) == words("pool list --state-dir=-q"))
    }

    @Test("A value with spaces and equals signs stays one word")
    func oneWord() {
        #expect(order.normalized(["--config-dir", "a b=c", "pool", "list"]) == ["pool", "list", "--config-dir=a b=c"])
    }

    @Test("Nothing behind -- or behind an option of somebody else is touched")
    func untouched() {
        #expect(order.normalized(words("pool -- list -q")) == words("pool -- list -q"))
        #expect(order.normalized(words("-q -- pool list")) == words("-- pool list"))
        #expect(order.normalized(words("pool start -- -q")) == words("pool start -- -q"))
        #expect(order.normalized(words("pool --frobnicate list")) == words("pool --frobnicate list"))
    }

    @Test("Without a verb only help and version are kept: the parser tells what is missing")
    func noVerb() {
        #expect(order.normalized(words("-o json pool")) == ["pool"])
        #expect(order.normalized(words("-o json pool lisst")) == ["pool", "lisst"])
        #expect(order.normalized(words("-q --help")) == ["--help"])
        #expect(order.normalized([]) == [])
    }

    @Test("An option without its value is left for the parser to complain about")
    func missingValue() {
        #expect(order.normalized(words("--output")) == ["--output"])
        #expect(order.normalized(words("pool -o")) == ["pool", "-o"])
    }

    @Test("The shell's completion calls go through as they are")
    func completion() {
        let call = words("---completion pool start -- positional@0 3 0 sanctl -o json pool start")
        #expect(order.normalized(call) == call)
        #expect(
            order.normalized(words("--generate-completion-script bash"))
                == words("--generate-completion-script bash"))
    }

    @Test("Errors before parsing know that JSON was asked for")
    func wantsJSON() {
        for typed in [
            "-o json x", "x -ojson", "x -o=json", "x --output=json y", "x --output json", "-qojson", "-o table -o json",
        ] {
            #expect(ArgumentOrder.wantsJSON(words(typed)), "\(typed)")
        }
        for typed in ["x", "-o table", "-- -o json", "-o json -o table", "pool o json", "--output"] {
            #expect(!ArgumentOrder.wantsJSON(words(typed)), "\(typed)")
        }
    }

    private func words(_ text: String) -> [String] { text.split(separator: " ").map { String($0) } }
}
