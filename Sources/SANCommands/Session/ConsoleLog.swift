import Logging

/// Prints log lines to standard error as `debug: message (key=value)`; nothing of it without `-v`.
struct ConsoleLog: LogHandler {
    let console: Console
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
        let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let context = pairs.isEmpty ? "" : " (" + pairs.joined(separator: ", ") + ")"
        console.report("\(event.level): " + (event.message.description + context).terminalSafe + "\n")
    }
}
