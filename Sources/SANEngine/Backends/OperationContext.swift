public import Logging
public import SANModel

/// What a backend may use while it does one operation.
public struct OperationContext: Sendable {
    /// When waits must end.
    ///
    /// Transfers go on past it while bytes move: it then bounds each wait for the storage.
    public var deadline: Deadline
    /// How long one wait for the storage may take, for operations as long as their data.
    public var patience: Duration
    public var secrets: any SecretResolving
    public var progress: any ProgressReporting
    /// For work on what other pools and processes share.
    public var coordinator: HostCoordinator
    /// What the pools did to this host, to be undone at their stop.
    public var activations: ActivationStore
    public var logger: Logger
    /// The pool's volumes as the last refresh listed them, for a refresh that needs to read only what has changed since.
    ///
    /// Blocks while it reads them; empty where there are none.
    public var lastVolumes: @Sendable () -> [Volume] = { [] }
    /// When that refresh began, by this host's clock; volumes that were made or changed by sanctl since were read later.
    ///
    /// Blocks while it reads that; nil where it isn't known.
    public var lastRefresh: @Sendable () -> Timestamp? = { nil }

    public init(
        deadline: Deadline, patience: Duration, secrets: any SecretResolving,
        progress: any ProgressReporting = NoProgress(), coordinator: HostCoordinator, activations: ActivationStore,
        logger: Logger
    ) {
        self.deadline = deadline
        self.patience = patience
        self.secrets = secrets
        self.progress = progress
        self.coordinator = coordinator
        self.activations = activations
        self.logger = logger
    }
}

extension OperationContext {
    /// The same with as much time as one wait may take, for what follows work as long as its data.
    package var renewed: OperationContext {
        var copy = self
        copy.deadline = .after(patience)
        return copy
    }

    /// The same without anybody who hears of the progress.
    package var silent: OperationContext {
        var copy = self
        copy.progress = NoProgress()
        return copy
    }
}

/// Gives backends the values of secrets.
public protocol SecretResolving: Sendable {
    /// Whether there is such a secret, with a value or without.
    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) async throws(StorageError) -> Bool

    /// - Throws: `not_found` where there is no such secret or it has no value.
    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes
}

/// Hears how far a long operation is.
public protocol ProgressReporting: Sendable {
    /// - Parameters:
    ///   - done: bytes that are safe.
    ///   - total: nil where it isn't known (a pipe).
    func report(done: ByteCount, total: ByteCount?)
}

/// Nobody listens.
public struct NoProgress: ProgressReporting {
    public init() {}

    public func report(done: ByteCount, total: ByteCount?) {}
}

/// Tells of one of several things as a part of them all.
struct PartProgress: ProgressReporting {
    private let whole: any ProgressReporting
    private let total: ByteCount
    /// What the things before it have.
    private var before: ByteCount = 0

    init(whole: any ProgressReporting, of sizes: [ByteCount]) {
        self.whole = whole
        total = sizes.reduce(0) { $0.adding($1) ?? ByteCount(.max) }
    }

    func report(done: ByteCount, total _: ByteCount?) {
        whole.report(done: min(before.adding(done) ?? total, total), total: total)
    }

    /// Goes on to the next.
    mutating func pass(_ size: ByteCount?) {
        before = before.adding(size ?? 0) ?? total
        whole.report(done: min(before, total), total: total)
    }
}
