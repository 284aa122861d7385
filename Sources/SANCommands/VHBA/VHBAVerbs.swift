import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `vhba list`.
struct VHBAList: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List vHBAs, running and defined, and the HBAs that they can be on.")

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let all = try await session.engine().virtualHBAs()
        var report = Report(.table(Table(all)), document: ["vhbas": .array(all.map(\.json))])
        report.problems = all.flatMap(\.problems)
        return report
    }
}

/// The verb `vhba dumpxml VHBA`.
struct VHBADumpXML: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "dumpxml", abstract: "Print an HBA's document as it runs, else as it is stored.")

    @OptionGroup var target: VHBAArgument
    @Flag(help: "The stored definition, of a running vHBA too.")
    var inactive = false
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let xml = try await session.engine().definition(ofVirtualHBA: target.vhba, inactive: inactive).xml
        return Report(.xml(xml), document: ["xml": .string(xml)])
    }
}

/// The verb `vhba create`.
struct VHBACreate: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a vHBA that is gone after a boot, or when it is destroyed.")

    @OptionGroup var hba: VHBAOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try await hba.definition(in: session)
        let change = try await session.engine().createVirtualHBA(definition, format: hba.naa)
        return .change(change, done: "created", already: "was already there")
    }
}

/// The verb `vhba destroy VHBA`.
struct VHBADestroy: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Delete a vHBA and its disks; its definition stays.",
        discussion: "Refused while a disk of it is in use or a running pool has it.", aliases: ["stop"])

    @OptionGroup var target: VHBAArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().destroyVirtualHBA(target.vhba)
        return .change(change, done: "destroyed", already: "was not there")
    }
}

/// The verb `vhba define`.
struct VHBADefine: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "define", abstract: "Store a vHBA's definition, to be made again after a boot.")

    @OptionGroup var hba: VHBAOptions
    @Option(help: "The definition's name; else the document's, else vhba-WWPN.")
    var name: String?
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try await hba.definition(in: session, name: name)
        let change = try await session.engine().defineVirtualHBA(definition, format: hba.naa)
        return .change(change, done: "defined", already: "was already defined so")
    }
}

/// The verb `vhba undefine VHBA`.
struct VHBAUndefine: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "undefine", abstract: "Forget a vHBA's definition; one that runs goes on.")

    @OptionGroup var target: VHBAArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().undefineVirtualHBA(target.vhba)
        return Report(
            document: ["changed": .bool(change.isChanged), "vhba": ["name": .string(change.value)]],
            notice: "vHBA \(change.value) undefined.")
    }
}

/// The verb `vhba start VHBA`.
struct VHBAStart: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Make the vHBA of a stored definition.",
        discussion: "Those that are marked for autostart are made by 'sanctl pool start --autostart', which boot runs.")

    @OptionGroup var target: VHBAArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().startVirtualHBA(target.vhba)
        return .change(change, done: "started", already: "was already there")
    }
}

/// The verb `vhba autostart VHBA`.
struct VHBAAutostart: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "autostart", abstract: "Mark a stored vHBA to be made at boot, or not.")

    @OptionGroup var target: VHBAArgument
    @Flag(help: "Don't make it at boot any more.")
    var disable = false
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().setAutostart(ofVirtualHBA: target.vhba, to: !disable)
        let verdict = disable ? "not marked for autostart" : "marked for autostart"
        return .change(change, done: "is now \(verdict)", already: "was already \(verdict)")
    }
}
