import ArgumentParser

/// The noun `host`.
struct HostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "HBAs of this machine, their sessions and what is behind them.",
        subcommands: [HostList.self, HostShow.self, HostScanning.self, HostRecording.self])
}
