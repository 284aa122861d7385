import ArgumentParser

/// The noun `vhba`.
struct VHBACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vhba", abstract: "Virtual Fibre Channel HBAs (N_Port ID virtualisation).",
        subcommands: [
            VHBAList.self, VHBADumpXML.self, VHBACreate.self, VHBADestroy.self, VHBADefine.self, VHBAUndefine.self,
            VHBAStart.self, VHBAAutostart.self, VHBAByPath.self,
        ])
}
