import SANModel
import Testing

@testable import SANCommands

@Suite("What is printed")
struct OutputTests {
    @Test("JSON: version first, then the keys sorted; numbers exact; absent where there is nothing")
    func document() {
        var object = JSONObject.document()
        object["volumes"] = [1, 2]
        object["capacity"] = .number(UInt64.max)
        object["allocation"] = .optional(nil as ByteCount?)
        object["Z"] = []
        object["a"] = [:]
        #expect(
            JSONWriter.text(of: .object(object)) == """
                {
                  "version": 1,
                  "Z": [],
                  "a": {},
                  "capacity": 18446744073709551615,
                  "volumes": [
                    1,
                    2
                  ]
                }
                """)
        #expect(JSONWriter.text(of: ["b": true, "a": "x"], compact: true) == #"{"a":"x","b":true}"#)
    }

    @Test(
        "JSON: every character that could act on a terminal is an escape, and means the same",
        arguments: [
            ("\"\\/", #""\"\\/""#), ("\n\r\t\u{0}\u{1B}[31m\u{7F}", #""\n\r\t\u0000\u001b[31m\u007f""#),
            ("\u{9B}31m\u{85}", #""\u009b31m\u0085""#), ("\u{202E}x\u{2028}", #""\u202ex\u2028""#),
            ("\u{E0001}", #""\udb40\udc01""#), ("grün 😀 日本", #""grün 😀 日本""#),
        ])
    func escapes(text: String, expected: String) {
        #expect(JSONWriter.text(of: .string(text)) == expected)
    }

    @Test("Tables: names in capitals, numbers to the right, no trailing space, empty columns left out")
    func table() {
        let table = Table(
            columns: [.left("NAME"), .right("SIZE"), .left("FORMAT", optional: true), .left("NOTE")],
            rows: [["a", "10G", nil, "x"], ["longer", nil, "", nil], ["日本", "1.5T", nil, "y"]])
        #expect(
            table.text == """
                NAME   SIZE NOTE
                a       10G x
                longer    - -
                日本   1.5T y

                """)
    }

    @Test("Hostile text never reaches a terminal raw, in tables, fields, warnings and errors")
    func hostile() {
        let evil = "a\u{1B}]0;owned\u{7}\u{9B}2J\nb\u{202E}"
        let safe = #"a\u{1B}]0;owned\u{07}\u{009B}2J\nb\u{202E}"#
        #expect(evil.terminalSafe == safe)
        #expect(Table(columns: [.left("NAME")], rows: [[evil]]).text == "NAME\n\(safe)\n")
        var fields = Fields()
        fields.add("Name", evil)
        #expect(fields.text == "Name: \(safe)\n")
        let error = StorageError(
            .malformedDefinition, evil, subject: .path(evil), location: SourceLocation(line: 3, column: 7),
            causes: [StorageError(.hostFailure, evil)])
        #expect(error.lines == "error: \(safe):3:7: \(safe)\n  caused by: \(safe)\n")
        #expect("<a>\u{9B}\n\t</a>".terminalSafeXML == "<a>&#x9b;\n\t</a>")
    }

    @Test(
        "Sizes as lsblk prints them",
        arguments: [
            (0, "0B"), (1023, "1023B"), (1024, "1K"), (1536, "1.5K"), (10 << 30, "10G"), (64 << 20, "64M"),
            ((1 << 30) - 1, "1G"), (3 << 40, "3T"), (UInt64.max, "16E"), (1_048_575, "1M"), (1_992_294, "1.9M"),
        ] as [(UInt64, String)])
    func sizes(bytes: UInt64, expected: String) {
        #expect(ByteCount(bytes).human == expected)
        #expect(ByteCount(bytes).text(exact: true) == String(bytes))
    }

    @Test(
        "Moments are RFC 3339",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_785_585_599, "2026-08-01T11:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"), (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] as [(Int64, String)])
    func timestamps(seconds: Int64, expected: String) {
        #expect(Timestamp(seconds: seconds).rfc3339 == expected)
    }

    @Test("An error as JSON: code, message, subject, causes, line and column")
    func errorJSON() {
        let error = StorageError(
            .malformedDefinition, "Bad", subject: .path("p.xml"), location: SourceLocation(line: 2, column: 5),
            causes: [StorageError(.hostFailure, "Why")])
        #expect(
            JSONWriter.text(of: error.json, compact: true)
                == #"{"causes":[{"causes":[],"code":"host_failure","message":"Why","subject":{}}],"#
                + #""code":"malformed_definition","column":5,"line":2,"message":"Bad","subject":{"path":"p.xml"}}"#)
    }
}
