import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `volume info VOLUME`.
struct VolumeInfo: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what is known of a volume, read anew.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let row = VolumeRow(try await session.engine().volume(target.reference, fresh: true))
        var report = Report(
            .fields(row.fields(ListingStyle(isExact: sizes.bytes))), document: ["volume": row.json])
        report.problems = row.warnings
        return report
    }
}

/// The verb `volume dumpxml VOLUME`.
struct VolumeDumpXML: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "dumpxml", abstract: "Print a volume's document.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let row = VolumeRow(try await session.engine().volume(target.reference, fresh: true))
        let xml = row.volume.definition.xml
        var report = Report(.xml(xml), document: ["volume": row.json, "xml": .string(xml)])
        // What couldn't be seen is left out of the document, which has no place for that.
        report.problems = row.warnings
        return report
    }
}

/// The verb `volume path VOLUME`.
struct VolumePath: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "path", abstract: "Print a volume's path.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let volume = try await session.engine().volume(target.reference).volume
        return Report(.value(volume.path), document: ["path": .string(volume.path)])
    }
}

/// The verb `volume key VOLUME`.
struct VolumeKey: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "key", abstract: "Print a volume's key.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let volume = try await session.engine().volume(target.reference).volume
        return Report(.value(volume.key), document: ["key": .string(volume.key)])
    }
}

/// The verb `volume name VOLUME`.
struct VolumeName: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "name", abstract: "Print a volume's name.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let volume = try await session.engine().volume(target.reference).volume
        return Report(.value(volume.name), document: ["name": .string(volume.name)])
    }
}

/// The verb `volume pool VOLUME`.
struct VolumePool: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool", abstract: "Print the name of the pool that a volume is in.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let pool = try await session.engine().volume(target.reference).pool
        return Report(.value(pool), document: ["pool": .string(pool)])
    }
}
