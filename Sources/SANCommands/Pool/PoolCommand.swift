import ArgumentParser

/// The noun `pool`.
struct PoolCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool", abstract: "Storage pools.",
        groupedSubcommands: [
            CommandGroup(
                name: "Definition",
                subcommands: [
                    PoolDefine.self, PoolDefineAs.self, PoolEdit.self, PoolDumpXML.self, PoolUndefine.self,
                    PoolAutostart.self,
                ]),
            CommandGroup(
                name: "State",
                subcommands: [
                    PoolCreate.self, PoolCreateAs.self, PoolStart.self, PoolRefresh.self, PoolStop.self, PoolBuild.self,
                    PoolDelete.self,
                ]),
            CommandGroup(
                name: "Information",
                subcommands: [PoolList.self, PoolInfo.self, PoolFindSources.self, PoolCapabilities.self]),
        ])
}
