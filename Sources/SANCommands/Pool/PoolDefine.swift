import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `pool define FILE`.
struct PoolDefine: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "define", abstract: "Store a pool's definition.")

    @OptionGroup var document: DefinitionArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try await document.read(in: session) { bytes throws(StorageError) in
            try PoolDefinition(xml: bytes)
        }
        return .defined(try await session.engine().definePool(definition))
    }
}

/// The verb `pool define-as NAME TYPE …`.
struct PoolDefineAs: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "define-as", abstract: "Store a pool's definition, given by options.")

    @OptionGroup var pool: PoolOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try pool.definition()
        if pool.printXML { return .document(definition) }
        return .defined(try await session.engine().definePool(definition))
    }
}

/// The verb `pool create FILE`.
struct PoolCreate: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Start a pool without storing its definition.")

    @OptionGroup var document: DefinitionArgument
    @Flag(help: "Build the pool's storage first.")
    var build = false
    @OptionGroup var building: BuildOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try await document.read(in: session) { bytes throws(StorageError) in
            try PoolDefinition(xml: bytes)
        }
        return .created(try await session.engine().createPool(definition, building: building.mode(ifAsked: build)))
    }
}

/// The verb `pool create-as NAME TYPE …`.
struct PoolCreateAs: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create-as", abstract: "Start a pool given by options, without storing its definition.")

    @OptionGroup var pool: PoolOptions
    @Flag(help: "Build the pool's storage first.")
    var build = false
    @OptionGroup var building: BuildOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try pool.definition()
        if pool.printXML { return .document(definition) }
        return .created(try await session.engine().createPool(definition, building: building.mode(ifAsked: build)))
    }
}

extension Report {
    static func defined(_ change: Change<PoolStatus>) -> Report {
        .change(change, done: "defined", already: "was already defined so")
    }

    fileprivate static func created(_ change: Change<PoolStatus>) -> Report {
        .change(change, done: "created", already: "was already active")
    }

    /// What `--print-xml` prints.
    fileprivate static func document(_ definition: PoolDefinition) -> Report {
        let xml = definition.xml
        return Report(.xml(xml), document: ["xml": .string(xml)])
    }
}
