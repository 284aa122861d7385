import Glibc
import SANHost
import SANModel
import SANXML
import SystemPackage

/// The secrets: documents in `<config>/secrets`, values in `<state>/secrets`; ephemeral ones in `<volatile>/secrets` only.
struct SecretStore: Sendable {
    let locks: LockFolder
    private let documents: FilePath
    private let ephemeralDocuments: FilePath
    private let values: SecretVault
    private let ephemeralValues: SecretVault
    private let volatile: FilePath
    let timeout: Duration

    private static let suffix = ".xml"
    private static let limit = 1 << 20

    init(configuration: EngineConfiguration, locks: LockFolder) {
        self.locks = locks
        timeout = configuration.timeout
        volatile = configuration.volatile
        documents = configuration.configuration.appending("secrets")
        ephemeralDocuments = configuration.volatile.appending("secrets")
        let sealing = CredentialSealing(commands: configuration.commands, logger: configuration.logger)
        values = SecretVault(folder: configuration.state.appending("secrets"), sealing: sealing)
        ephemeralValues = SecretVault(folder: configuration.volatile.appending("secrets"), sealing: nil)
    }

    /// Every secret, sorted by UUID; a document that can't be read has its problem.
    func all() throws(StorageError) -> [SecretStatus] {
        var all: [SecretStatus] = []
        for folder in [documents, ephemeralDocuments] {
            for name in try LocalFolder(folder).names() where name.hasSuffix(Self.suffix) {
                guard let uuid = StorageUUID(name.dropLast(Self.suffix.count)) else { continue }
                all.append(try status(uuid, in: folder))
            }
        }
        return all.sorted { ($0.definition.uuid?.description ?? "") < ($1.definition.uuid?.description ?? "") }
    }

    private func status(_ uuid: StorageUUID, in folder: FilePath) throws(StorageError) -> SecretStatus {
        let isEphemeral = folder == ephemeralDocuments
        let path = folder.appending(uuid.description + Self.suffix)
        do throws(StorageError) {
            var definition = try SecretDefinition(xml: try LocalFile(path).read(limit: Self.limit))
            guard definition.uuid == uuid else {
                throw StorageError(.malformedDefinition, "The file's secret has another UUID than the file's name")
            }
            // Where the document is decides where the value is.
            definition.isEphemeral = isEphemeral
            var status = SecretStatus(definition: definition, hasValue: false, problems: [])
            do throws(StorageError) {
                status.hasValue = try vault(isEphemeral).hasValue(uuid)
            } catch {
                status.problems.append(Problem(error))
            }
            return status
        } catch {
            var definition = SecretDefinition(uuid: uuid)
            definition.isEphemeral = isEphemeral
            // What can't be read might be private.
            definition.isPrivate = true
            var problem = Problem(error.about(.secret, uuid.description).about(.path, path.string.printable))
            if let location = error.location { problem.message = "\(location): \(problem.message)" }
            return SecretStatus(definition: definition, hasValue: false, problems: [problem])
        }
    }

    private func vault(_ isEphemeral: Bool) -> SecretVault { isEphemeral ? ephemeralValues : values }

    /// The secret of a UUID or KIND:USAGE.
    ///
    /// - Throws: `not_found`, `invalid_argument`.
    func find(_ reference: String) throws(StorageError) -> SecretStatus {
        if let uuid = StorageUUID(reference) {
            guard let match = try all().first(where: { $0.definition.uuid == uuid }) else {
                throw noSecret(.uuid(uuid))
            }
            return match
        }
        guard let colon = reference.firstIndex(of: ":"),
            let kind = SecretDefinition.Usage.Kind(rawValue: String(reference[..<colon]))
        else {
            throw StorageError(
                .invalidArgument,
                "'\(reference.printable)' doesn't name a secret: a UUID, iscsi:USAGE, ceph:USAGE or volume:USAGE does",
                subject: .secret(reference.printable))
        }
        return try find(usage: String(reference[reference.index(after: colon)...]), kind)
    }

    private func find(usage name: String, _ kind: SecretDefinition.Usage.Kind) throws(StorageError) -> SecretStatus {
        let usage = SecretDefinition.Usage(kind: kind, name: name)
        let all = try all()
        if let match = all.first(where: { $0.definition.usage == usage }) { return match }
        // A document that can't be read may be the one that is looked for: saying only that there is none would hide it.
        let broken = all.filter { $0.definition.usage == nil && !$0.problems.isEmpty && mayName(name, $0) }
        guard let first = broken.first?.definition.uuid else { throw noSecret(.usage(name), kind) }
        throw StorageError(
            .malformedDefinition,
            "No readable secret has the usage '\(name.printable)' of type '\(kind.rawValue)', and the document of secret '\(first)' is broken: "
                + "mend it or undefine it",
            subject: .secret(name.printable),
            causes: broken.flatMap { status in
                status.problems.map { StorageError($0.code, $0.message, subject: $0.subject) }
            })
    }

    /// Whether a broken document could be of a usage: it can't be read at all, or the name stands in it.
    private func mayName(_ name: String, _ status: SecretStatus) -> Bool {
        guard let uuid = status.definition.uuid else { return false }
        let path = folder(status.definition).appending(uuid.description + Self.suffix)
        guard let bytes = try? LocalFile(path).read(limit: Self.limit) else { return true }  // then it could be any
        // In a document these are written as entities.
        if name.contains(where: { "&<>".contains($0) }) { return true }
        return !bytes.split(separator: Array(name.utf8), maxSplits: 1, omittingEmptySubsequences: false).dropFirst()
            .isEmpty
    }

    private func noSecret(_ reference: SecretReference, _ kind: SecretDefinition.Usage.Kind? = nil) -> StorageError {
        switch reference {
        case .uuid(let uuid):
            StorageError(
                .notFound, "No secret with matching uuid '\(uuid)'; define it with 'sanctl secret define'",
                subject: .secret(uuid.description))
        case .usage(let name):
            StorageError(
                .notFound,
                "No secret with matching usage '\(name.printable)'\(kind.map { " of type '\($0.rawValue)'" } ?? "");"
                    + " define it with 'sanctl secret define'",
                subject: .secret(name.printable))
        }
    }

    /// The value, for a backend or its owner.
    ///
    /// - Throws: `not_found` where it has none.
    func value(of status: SecretStatus, until deadline: Deadline) async throws(StorageError) -> SecretBytes {
        guard let uuid = status.definition.uuid else { throw noSecret(.usage("")) }
        if let value = try await vault(status.definition.isEphemeral).load(uuid, until: deadline) { return value }
        throw StorageError(
            .notFound, "secret '\(uuid)' does not have a value; give it one with 'sanctl secret set-value'",
            subject: .secret(uuid.description))
    }
}

// MARK: - Changes, under the secrets' lock

extension SecretStore {
    func define(
        _ definition: SecretDefinition, until deadline: Deadline
    ) async throws(StorageError) -> Change<SecretStatus> {
        let lock = try await locks.acquire(.secrets, .exclusive, for: "secret define", until: deadline)
        defer { lock.release() }
        var new = definition
        let known = try known(definition)
        if let known { new.uuid = known.definition.uuid }
        let uuid = new.uuid ?? .random()
        new.uuid = uuid
        if let known, known.definition == new, known.problems.isEmpty { return .unchanged(known) }
        if let old = known?.definition, old.isEphemeral != new.isEphemeral {
            try await move(uuid, from: old, to: new, until: deadline)
        } else {
            try await save(new, uuid)
        }
        return .changed(try status(uuid, in: folder(new)))
    }

    /// The secret that a document redefines, after the rules of its identity.
    private func known(_ new: SecretDefinition) throws(StorageError) -> SecretStatus? {
        let all = try all()
        let sameUUID = new.uuid.flatMap { uuid in all.first { $0.definition.uuid == uuid } }
        let sameUsage = new.usage.flatMap { usage in all.first { $0.definition.usage == usage } }
        if let sameUUID, !sameUUID.problems.isEmpty, sameUUID.definition.usage == nil {
            throw StorageError(
                .invalidState, "The stored secret can't be read and isn't overwritten; mend or undefine it first",
                subject: subject(sameUUID), causes: sameUUID.problems.map { StorageError($0.code, $0.message) })
        }
        if let sameUsage, let usage = new.usage, sameUsage.definition.uuid != new.uuid {
            var same = new
            same.uuid = sameUsage.definition.uuid
            // The very document that is stored, but for the UUID that it was given.
            if new.uuid == nil, same == sameUsage.definition { return sameUsage }
            throw StorageError(
                .alreadyExists,
                "A secret with UUID \(sameUsage.definition.uuid?.description ?? "") already defined for use with "
                    + "\(usage.name.printable)",
                subject: subject(sameUsage))
        }
        guard let sameUUID else { return nil }
        guard sameUUID.definition.usage == new.usage else {
            throw StorageError(
                .alreadyExists,
                "A secret with UUID \(sameUUID.definition.uuid?.description ?? "") is already defined for use with "
                    + (sameUUID.definition.usage?.name.printable ?? "nothing"),
                subject: subject(sameUUID))
        }
        guard sameUUID.definition.isPrivate == new.isPrivate else {
            throw StorageError(
                .invalidArgument, "Cannot change private flag on existing secret; undefine it first",
                subject: subject(sameUUID))
        }
        return sameUUID
    }

    private func subject(_ status: SecretStatus) -> StorageError.Subject {
        .secret(status.definition.uuid?.description ?? "")
    }

    private func folder(_ definition: SecretDefinition) -> FilePath {
        definition.isEphemeral ? ephemeralDocuments : documents
    }

    private func save(_ definition: SecretDefinition, _ uuid: StorageUUID) async throws(StorageError) {
        let folder = folder(definition)
        if definition.isEphemeral { try requireVolatileFolder() }
        try await withUninterruptedThread(named: "san-secret") { () throws(StorageError) in
            try LocalFolder(folder).create(mode: 0o700)
            try AtomicFile(folder.appending(uuid.description + Self.suffix)).write(Array(definition.xml.utf8))
        }
    }

    /// An ordinary user has a folder in memory only while logged in.
    private func requireVolatileFolder() throws(StorageError) {
        let base = volatile.removingLastComponent()
        guard try LocalFile(base).status() == nil else { return }
        throw StorageError(
            .unavailable,
            "An ephemeral secret is kept in memory, below \(base.string.printable), which isn't there: "
                + "log in with a session of systemd's, or name a folder in memory with --runtime-dir",
            subject: .path(base.string.printable))
    }

    private func move(
        _ uuid: StorageUUID, from old: SecretDefinition, to new: SecretDefinition, until deadline: Deadline
    ) async throws(StorageError) {
        if let value = try await vault(old.isEphemeral).load(uuid, until: deadline) {
            try await vault(new.isEphemeral).store(value, of: uuid, until: deadline)
        }
        try await save(new, uuid)
        try LocalFile(folder(old).appending(uuid.description + Self.suffix)).remove()
        try vault(old.isEphemeral).remove(uuid)
    }

    func setValue(
        _ reference: String, to value: SecretBytes, until deadline: Deadline
    ) async throws(StorageError) -> Change<SecretStatus> {
        guard value.count <= SecretVault.longestValue else {
            throw StorageError(
                .invalidArgument, "A secret's value has at most \(SecretVault.longestValue) bytes",
                subject: .secret(reference.printable))
        }
        let lock = try await locks.acquire(.secrets, .exclusive, for: "secret set-value", until: deadline)
        defer { lock.release() }
        let status = try find(reference)
        guard let uuid = status.definition.uuid else { throw noSecret(.usage(reference)) }
        try await vault(status.definition.isEphemeral).store(value, of: uuid, until: deadline)
        return .changed(try self.status(uuid, in: folder(status.definition)))
    }

    func undefine(_ reference: String, until deadline: Deadline) async throws(StorageError) -> Change<SecretStatus> {
        let lock = try await locks.acquire(.secrets, .exclusive, for: "secret undefine", until: deadline)
        defer { lock.release() }
        let status = try find(reference)
        guard let uuid = status.definition.uuid else { throw noSecret(.usage(reference)) }
        // The value first: a document without a value is harmless, a value without a document would be forgotten.
        try vault(status.definition.isEphemeral).remove(uuid)
        try LocalFile(folder(status.definition).appending(uuid.description + Self.suffix)).remove()
        return .changed(status)
    }
}

// MARK: - For backends

extension SecretStore: SecretResolving {
    func isDefined(
        _ reference: SecretReference, usage kind: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> Bool {
        do throws(StorageError) {
            _ = try find(reference, usage: kind)
            return true
        } catch {
            guard error.code == .notFound else { throw error }
            return false
        }
    }

    func value(
        for reference: SecretReference, usage kind: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        try await value(of: find(reference, usage: kind), until: .after(timeout))
    }

    /// Whether two references lead to one secret; false where one of them leads to none.
    func areSame(
        _ one: SecretReference, _ other: SecretReference, usage kind: SecretDefinition.Usage.Kind
    ) throws(StorageError) -> Bool {
        if one == other { return true }
        do throws(StorageError) {
            let uuids = [
                try find(one, usage: kind).definition.uuid, try find(other, usage: kind).definition.uuid,
            ]
            return uuids[0] != nil && uuids[0] == uuids[1]
        } catch {
            guard error.code == .notFound else { throw error }
            return false
        }
    }

    private func find(
        _ reference: SecretReference, usage kind: SecretDefinition.Usage.Kind
    ) throws(StorageError) -> SecretStatus {
        switch reference {
        case .usage(let name): return try find(usage: name, kind)
        case .uuid(let uuid):
            let status = try find(uuid.description)
            if let other = status.definition.usage, other.kind != kind {
                throw StorageError(
                    .notFound,
                    "Secret '\(uuid)' is for use with '\(other.kind.rawValue)'; one of type '\(kind.rawValue)' is needed",
                    subject: .secret(uuid.description))
            }
            return status
        }
    }
}
