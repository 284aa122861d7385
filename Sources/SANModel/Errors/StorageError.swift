/// The one error that crosses module borders: what failed, on what, why, and what to do.
public struct StorageError: Error, Sendable, Hashable {
    public var code: Code
    /// One sentence, capital first letter: what failed and, if there is one, the remedy.
    ///
    /// Never a secret, never raw bytes of a target.
    public var message: String
    /// What it failed on.
    public var subject: Subject
    /// Where in a document, for ``Code/malformedDefinition``.
    public var location: SourceLocation?
    /// What lies below: the error of a library, and failures while undoing.
    public var causes: [StorageError]

    public init(
        _ code: Code, _ message: String, subject: Subject = Subject(), location: SourceLocation? = nil,
        causes: [StorageError] = []
    ) {
        self.code = code
        self.message = message
        self.subject = subject
        self.location = location
        self.causes = causes
    }

    /// The things an error is about; any number of them at once.
    public struct Subject: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable, CaseIterable, Comparable {
            case device, host, path, pool, secret, target, tool, volume

            public static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
        }

        public var values: [Kind: String]

        public init(_ values: [Kind: String] = [:]) {
            self.values = values
        }

        public static func pool(_ name: String) -> Subject { Subject([.pool: name]) }
        public static func volume(_ name: String) -> Subject { Subject([.volume: name]) }
        public static func target(_ name: String) -> Subject { Subject([.target: name]) }
        public static func device(_ name: String) -> Subject { Subject([.device: name]) }
        public static func path(_ path: String) -> Subject { Subject([.path: path]) }
        public static func tool(_ name: String) -> Subject { Subject([.tool: name]) }
        public static func secret(_ name: String) -> Subject { Subject([.secret: name]) }
        public static func host(_ name: String) -> Subject { Subject([.host: name]) }
    }

    /// The same error with one more subject; one that is already named stays.
    public func about(_ kind: Subject.Kind, _ value: String) -> StorageError {
        var copy = self
        if copy.subject.values[kind] == nil { copy.subject.values[kind] = value }
        return copy
    }

    /// The same error with something that went wrong afterwards, such as a failed undo.
    public func adding(cause: StorageError) -> StorageError {
        var copy = self
        copy.causes.append(cause)
        return copy
    }
}

/// A place in a document, counted from 1.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// As `line:column`.
    public var description: String { "\(line):\(column)" }
}

extension StorageError: CustomStringConvertible {
    /// The message, and the tree of causes below it, one to a line.
    public var description: String {
        describe(indent: "")
    }

    private func describe(indent: String) -> String {
        causes.reduce(message) { $0 + "\n\(indent)  caused by: " + $1.describe(indent: indent + "  ") }
    }
}
