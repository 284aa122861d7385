import ArgumentParser
import SANEngine

/// The noun `volume`.
struct VolumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volume", abstract: "Storage volumes.",
        groupedSubcommands: [
            CommandGroup(
                name: "Information",
                subcommands: [
                    VolumeList.self, VolumeInfo.self, VolumeDumpXML.self, VolumePath.self, VolumeKey.self,
                    VolumeName.self,
                    VolumePool.self, VolumeAttachInfo.self,
                ]),
            CommandGroup(
                name: "Change",
                subcommands: [
                    VolumeCreate.self, VolumeCreateAs.self, VolumeCreateFrom.self, VolumeClone.self, VolumeResize.self,
                    VolumeDelete.self, VolumeWipe.self,
                ]),
            CommandGroup(name: "Snapshots", subcommands: [VolumeSnapshotCommand.self, VolumeFlatten.self]),
            CommandGroup(name: "Trash", subcommands: [VolumeTrashCommand.self]),
            CommandGroup(name: "Data", subcommands: [VolumeUpload.self, VolumeDownload.self]),
        ])
}

extension VolumeArgument {
    var reference: VolumeReference { VolumeReference(volume, pool: pool) }
}
