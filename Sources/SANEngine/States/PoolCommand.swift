public import SANModel

/// What a user can ask of a pool, and in which states it may be done: libvirt's rules.
public enum PoolCommand: String, Sendable, Hashable, CaseIterable {
    case define, undefine, build, delete, start, refresh, stop, autostart
    /// Work on volumes.
    case use

    /// Whether there is anything left to do.
    public enum Verdict: Sendable, Hashable {
        case proceed, alreadySo
    }

    /// Judges a command.
    ///
    /// - Parameters:
    ///   - state: of the pool now.
    ///   - isPersistent: whether its definition is stored.
    /// - Throws: `invalid_state` with libvirt's words.
    public func judge(
        pool name: String, state: PoolState, isPersistent: Bool
    ) throws(StorageError) -> Verdict {
        switch self {
        case .define: return .proceed
        case .start:
            return state.isActive ? .alreadySo : .proceed
        case .stop:
            return state == .inactive ? .alreadySo : .proceed
        case .refresh, .use:
            guard state.isActive else { throw refused(name, "is not active; start it first") }
        case .build:
            guard state == .inactive else { throw refused(name, "is already active; stop it first") }
        case .delete:
            guard state == .inactive else { throw refused(name, "is still active; stop it first") }
        case .undefine:
            guard isPersistent else { throw refused(name, "is transient; stop it to be rid of it") }
            guard state == .inactive else { throw refused(name, "is still active; stop it first") }
        case .autostart:
            guard isPersistent else {
                throw refused(name, "is transient and has no stored definition to start; define it first")
            }
        }
        return .proceed
    }

    private func refused(_ name: String, _ reason: String) -> StorageError {
        StorageError(.invalidState, "Storage pool '\(name.printable)' \(reason)", subject: .pool(name.printable))
    }
}
