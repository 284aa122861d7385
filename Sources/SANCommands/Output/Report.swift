import SANModel

/// What a verb has to say, in every form that the user may have asked for; printed in one place, ``Printer``.
struct Report: Sendable {
    /// What goes to standard output for people.
    enum Body: Sendable {
        case nothing
        case table(Table)
        case fields(Fields)
        /// Lines of ours, each with its newline; what comes from elsewhere in them is escaped already.
        case lines(String)
        /// One value, for scripts to catch: a path, a name. Printed as it is into a pipe, escaped on a terminal.
        case value(String)
        /// A document, as it is into a pipe.
        case xml(String)
        /// Bytes as they are.
        case bytes([UInt8])
    }

    var body: Body
    /// Makes the JSON document without `version`; nil where the verb prints ``body`` whatever was asked for.
    var document: (@Sendable () -> JSONObject)?
    /// The one line of what was done; left out with `--quiet` and in JSON.
    var notice: String?
    /// Standard output holds data of its own (a download): the notice goes to standard error.
    var isOutputTaken = false
    /// Printed below a table as warnings; JSON has them in the document.
    var problems: [Problem] = []
    /// What failed although there is something to print; decides the exit code.
    var failure: StorageError?

    init(_ body: Body = .nothing, notice: String? = nil) {
        self.body = body
        self.notice = notice
    }

    /// - Parameter document: is made only where JSON was asked for.
    init(
        _ body: Body = .nothing, document: @autoclosure @escaping @Sendable () -> JSONObject, notice: String? = nil
    ) {
        self.body = body
        self.document = document
        self.notice = notice
    }
}
