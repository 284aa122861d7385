import ArgumentParser

/// What `--output` takes.
enum OutputFormat: String, Sendable, ExpressibleByArgument, CaseIterable {
    case table, json
    /// The document itself; `pool find-sources` only.
    case xml
}
