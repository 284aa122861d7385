/// Moves global options that stand before the verb behind it, where the verb's parser takes them.
///
/// `sanctl -o json pool --timeout 5 list --all` becomes `sanctl pool list --output=json --timeout=5 --all`.
/// Only what stands before the verb is touched; nothing after `--` is. An option that takes a value takes the word after it,
/// whatever that looks like.
struct ArgumentOrder {
    /// The global options that take a value, and the short ones.
    private static let valued: Set<String> = [
        "--output", "--config-dir", "--state-dir", "--runtime-dir", "--host-root", "--timeout",
    ]
    private static let flags: Set<String> = ["--quiet", "--verbose", "--help", "--version"]
    private static let shortFlags: [Character: String] = ["q": "--quiet", "v": "--verbose", "h": "--help"]

    /// The verbs that may follow a noun, or a noun and a verb that has some of its own; nil for words that no verb follows.
    private let verbs: ([String]) -> Set<String>?

    init(verbs: @escaping ([String]) -> Set<String>?) {
        self.verbs = verbs
    }

    /// The same arguments, in the order in which the parser wants them.
    func normalized(_ arguments: [String]) -> [String] {
        // The shell completion's own call, and requests for its script, are the parser's business.
        if let first = arguments.first, first.hasPrefix("---") || first.hasPrefix("--generate-completion-script") {
            return arguments
        }
        var moved: [String] = []
        var words: [String] = []
        var rest = arguments[...]
        while !isComplete(words), let next = rest.first {
            if !next.hasPrefix("-") || next == "-" {
                if let known = verbs(words), !known.contains(next) { break }
                words.append(next)
                rest.removeFirst()
            } else if let options = ArgumentOrder.takeGlobal(&rest) {
                moved += options
            } else {
                break
            }
        }
        // Without a verb there is nobody to take the others; that one is missing is told by the parser.
        if !isComplete(words) { moved.removeAll { !["--help", "--version"].contains($0) } }
        return words + moved + rest
    }

    /// Whether the words name a verb, or a noun that is one by itself.
    private func isComplete(_ words: [String]) -> Bool {
        !words.isEmpty && verbs(words) == nil
    }

    /// Takes one argument (and its value) off the front if it is a global option.
    ///
    /// - Returns: it in its long form, a value joined by `=`; a cluster of short options as many; nil where it isn't global.
    private static func takeGlobal(_ rest: inout ArraySlice<String>) -> [String]? {
        guard let argument = rest.first, argument.hasPrefix("-"), argument != "-", argument != "--" else { return nil }
        if flags.contains(argument) || isJoinedLong(argument) {
            rest.removeFirst()
            return [argument]
        }
        if valued.contains(argument) {
            guard rest.count > 1 else { return nil }
            rest.removeFirst()
            return [argument + "=" + rest.removeFirst()]
        }
        return argument.hasPrefix("--") ? nil : takeCluster(argument, &rest)
    }

    private static func isJoinedLong(_ argument: String) -> Bool {
        guard let equals = argument.firstIndex(of: "=") else { return false }
        return valued.contains(String(argument[..<equals]))
    }

    /// Takes a cluster: `-q`, `-qv`, `-o json`, `-ojson`, `-o=json`, `-qojson`.
    private static func takeCluster(_ argument: String, _ rest: inout ArraySlice<String>) -> [String]? {
        var options: [String] = []
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            if let flag = shortFlags[letter] {
                options.append(flag)
                continue
            }
            guard letter == "o" else { return nil }
            if letters.first == "=" { letters.removeFirst() }
            if letters.isEmpty {
                guard rest.count > 1 else { return nil }
                rest.removeFirst()
                return options + ["--output=" + rest.removeFirst()]
            }
            rest.removeFirst()
            return options + ["--output=" + letters]
        }
        rest.removeFirst()
        return options
    }

    /// Whether the arguments ask for JSON, for errors that come before there is a parsed command; the last one counts.
    static func wantsJSON(_ arguments: [String]) -> Bool {
        var isJSON = false
        var rest = arguments[...]
        while let argument = rest.first, argument != "--" {
            guard let options = takeGlobal(&rest) else {
                rest.removeFirst()
                continue
            }
            for option in options where option.hasPrefix("--output=") { isJSON = option == "--output=json" }
        }
        return isJSON
    }
}
