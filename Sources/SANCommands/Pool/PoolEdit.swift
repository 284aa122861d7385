import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `pool edit POOL`.
struct PoolEdit: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Change a pool's stored definition in $VISUAL or $EDITOR.",
        discussion: "A definition that can't be read is edited as it stands in its file.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let stored = try await engine.storedDocument(ofPool: target.pool)
        // A program that was chosen may need nobody; the usual editor would wait for keys that never come.
        guard session.console.isInteractive || EditorDraft.chosenEditor(in: session.assembly.environment) != nil else {
            throw StorageError(
                .invalidArgument, "There is no terminal for an editor: set EDITOR to a program that needs none")
        }
        let draft = try EditorDraft(text: stored.bytes, name: stored.name, environment: session.assembly.environment)
        while true {
            do throws(StorageError) {
                try await draft.edit()
                let bytes = try await draft.read(console: session.console)
                if bytes == stored.bytes {
                    if let error = stored.error { throw error }
                    draft.discard()
                    return .change(.unchanged(try await engine.pool(target.pool)), done: "", already: "was not changed")
                }
                let edited = try accept(bytes, inPlaceOf: stored)
                let change = try await engine.definePool(edited, mending: stored.error.map { _ in stored.bytes })
                draft.discard()
                return .change(change, done: "changed", already: "was already so")
            } catch {
                let failure = error.about(.path, draft.path.string)
                guard session.console.isInteractive, error.code != .cancelled else { throw draft.kept(failure) }
                session.console.report(failure.lines)
                let answer: String
                do throws(StorageError) {
                    answer = try await session.ask("Edit it again? [Y/n] ")
                } catch {
                    throw draft.kept(error)
                }
                guard answer.isEmpty || answer.lowercased().hasPrefix("y") else { throw draft.kept(failure) }
            }
        }
    }

    private func accept(
        _ bytes: [UInt8], inPlaceOf stored: StoredDocument
    ) throws(StorageError) -> PoolDefinition {
        try SchemaCheck(bytes).requireNoViolations()
        var edited = try PoolDefinition(xml: bytes)
        if let known = stored.definition { edited.uuid = edited.uuid ?? known.uuid }
        guard edited.name == stored.name, stored.definition.map({ $0.uuid == edited.uuid }) ?? true else {
            throw StorageError(
                .invalidArgument,
                "A pool's name and UUID can't be edited: define another pool and undefine this one",
                subject: .pool(stored.name.printable))
        }
        return edited
    }
}
