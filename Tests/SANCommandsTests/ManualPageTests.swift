import ArgumentParser
import SANHost
import SystemPackage
import Testing

@testable import SANCommands

@Suite("The man pages tell what the program does")
struct ManualPageTests {
    private static let folder = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()
        .appending("docs").appending("man")

    /// A page as plain text: no font changes, no escaped hyphens.
    private func page(_ name: String) throws -> String {
        let bytes = try LocalFile(Self.folder.appending(name + ".1")).read(limit: 1 << 20)
        return ["\\fB", "\\fI", "\\fR", "\\"].reduce(String(decoding: bytes, as: UTF8.self)) { text, mark in
            text.split(separator: mark, omittingEmptySubsequences: false).joined()
        }
    }

    /// Every long option in a help text.
    private func options(_ help: String) -> Set<String> {
        Set(
            help.split(whereSeparator: { " ,\n()[]/".contains($0) }).map { String($0) }.filter { $0.hasPrefix("--") }
                .map { String($0.prefix { $0 == "-" || $0.isLetter || $0.isNumber }) })
    }

    @Test("every verb of a noun has its entry, with all its options; no entry is for a verb that isn't there")
    func verbs() throws {
        let common = options(SANCtl.helpMessage(for: XMLFormat.self)).union(["--help", "--version", "--pool"])
        for noun in [PoolCommand.self, VolumeCommand.self, SecretCommand.self, VHBACommand.self, HostCommand.self]
            as [any ParsableCommand.Type]
        {
            let text = try page("sanctl-" + noun._commandName)
            for verb in noun.configuration.subcommands {
                for name in [verb._commandName] + verb.configuration.aliases {
                    #expect(heads(text).contains(name), "\(noun._commandName) \(name) has no entry")
                }
                for verb in [verb] + verb.configuration.subcommands {
                    #expect(text.contains(verb._commandName), "\(noun._commandName) \(verb._commandName)")
                    for option in options(SANCtl.helpMessage(for: verb)).subtracting(common) {
                        #expect(text.contains(option), "\(noun._commandName) \(verb._commandName) \(option)")
                    }
                }
            }
            let known = Set((SANCtl.verbs(of: [noun._commandName]) ?? [:]).keys)
            #expect(heads(text).isSubset(of: known), "\(heads(text).subtracting(known))")
        }
    }

    /// The words that the entries of the section VERBS begin with.
    private func heads(_ page: String) -> Set<String> {
        var heads: Set<String> = []
        var isVerbs = false
        var isHead = false
        for line in page.split(separator: "\n") {
            if line.hasPrefix(".SH ") { isVerbs = line == ".SH VERBS" }
            if isVerbs, isHead {
                let words = (line.hasPrefix(".B ") ? line.dropFirst(3) : line).split(separator: " ")
                // `path, key, name VOLUME`: a comma says that another verb follows.
                for word in words {
                    heads.insert(String(word.prefix { $0 != "," }))
                    if !word.hasSuffix(",") { break }
                }
            }
            isHead = line == ".TP"
        }
        return heads
    }

    @Test("sanctl(1) has the nouns, the other verbs and the global options")
    func general() throws {
        let text = try page("sanctl")
        for noun in SANCtl.nouns.map({ $0._commandName }) { #expect(text.contains("\n.B \(noun)\n"), "\(noun)") }
        for entry in ["xml format", "xml validate", "doctor"] { #expect(text.contains("\n\(entry) "), "\(entry)") }
        for option in options(SANCtl.helpMessage(for: XMLFormat.self)) { #expect(text.contains(option), "\(option)") }
        for code in [0, 64, 65, 66, 69, 70, 71, 73, 75, 77, 78, 130] {
            #expect(text.contains("\n.B \(code)\n"), "\(code)")
        }
    }
}
