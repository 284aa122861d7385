/// Something that is wrong with a volume or a pool while the rest works.
public struct Problem: Sendable, Hashable {
    public var code: StorageError.Code
    public var message: String
    public var subject: StorageError.Subject

    public init(code: StorageError.Code, message: String, subject: StorageError.Subject = .init()) {
        self.code = code
        self.message = message
        self.subject = subject
    }

    /// A place in a document is told in the message.
    public init(_ error: StorageError) {
        let place = error.location.map { "\($0): " } ?? ""
        self.init(code: error.code, message: place + error.message, subject: error.subject)
    }
}

/// What one refresh read from the storage.
public struct PoolSnapshot: Sendable, Hashable {
    /// Nil, as the two others, where the storage doesn't tell.
    public var capacity: ByteCount?
    public var allocation: ByteCount?
    public var available: ByteCount?
    public var volumes: [Volume]
    /// How many volumes wait in the pool's trash; nil where it has none.
    public var trashCount: Int?
    /// What is wrong with the pool itself; the volumes carry their own.
    public var problems: [Problem]
    /// What the host says of the pool's folder: printed in `<target><permissions>` while the pool runs.
    public var permissions: Permissions?

    public init(
        capacity: ByteCount? = 0, allocation: ByteCount? = 0, available: ByteCount? = 0, volumes: [Volume] = [],
        problems: [Problem] = [], permissions: Permissions? = nil
    ) {
        self.capacity = capacity
        self.allocation = allocation
        self.available = available
        self.volumes = volumes
        self.problems = problems
        self.permissions = permissions
    }
}

/// The state of a pool, by the names of our JSON.
public enum PoolState: String, Sendable, Hashable, CaseIterable {
    case inactive, starting, running, degraded, stopping, failed

    /// Whether the pool's volumes can be used.
    public var isActive: Bool { self == .running || self == .degraded }
}
