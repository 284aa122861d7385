public import SANEngine

/// The one list of backends.
public enum Backends {
    public static func all() -> [any StorageBackend] {
        []
    }
}
