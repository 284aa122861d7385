public import SANModel
public import SystemPackage

/// A backend that can ask a server what it offers (`find-sources`).
public protocol SourceDiscovery: StorageBackend {
    /// - Returns: one source for each thing that a pool could be made of, sorted.
    func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource]
}

/// A backend whose storage can be made and destroyed: a folder, a volume group, a label.
public protocol PoolBuilding: StorageBackend {
    func build(
        _ definition: PoolDefinition, mode: BuildMode, in context: OperationContext
    ) async throws(StorageError) -> Change<Void>

    /// Destroys the pool's storage (not its definition).
    func delete(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Change<Void>
}

/// What build does with something that is there already.
public enum BuildMode: Sendable, Hashable {
    case normal, overwrite, noOverwrite
}

/// A pool whose volumes can be read one at a time, so that `volume info` is fresh without a whole refresh.
public protocol VolumeInspection: ActivePool {
    func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume
}

/// A pool that makes volumes.
public protocol VolumeProvisioning: ActivePool {
    func createVolume(
        _ request: VolumeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume>

    func resizeVolume(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume>

    func deleteVolume(
        _ volume: Volume, deletingSnapshots: Bool, in context: OperationContext
    ) async throws(StorageError) -> Change<Void>
}

/// A pool whose volumes can stand on a snapshot of another one, and share with it what neither has written since.
public protocol VolumeCloning: VolumeProvisioning {
    func cloneVolume(_ request: CloneRequest, in context: OperationContext) async throws(StorageError) -> Change<Volume>
}

/// What to clone.
public struct CloneRequest: Sendable {
    /// Of the clone.
    public var name: String
    public var origin: VolumeRequest.Origin
    /// Of the origin; nil for what it holds now.
    public var snapshot: String?

    public init(name: String, origin: VolumeRequest.Origin, snapshot: String? = nil) {
        self.name = name
        self.origin = origin
        self.snapshot = snapshot
    }
}

/// A pool that makes encrypted volumes: where a document names no secret, the engine makes one before the volume.
public protocol VolumeEncryption: VolumeProvisioning {
    /// The path that a new volume of this name has, which is the usage of its secret.
    func path(ofNew name: String) -> String
}

/// What to make.
public struct VolumeRequest: Sendable {
    public var definition: VolumeDefinition
    /// Allocate qcow2 metadata ahead.
    public var preallocatesMetadata: Bool
    /// The volume to fill it from, with the pool it is in: `create-from`, and `clone` where the pool copies.
    public var origin: Origin?

    public init(_ definition: VolumeDefinition, preallocatesMetadata: Bool = false, origin: Origin? = nil) {
        self.definition = definition
        self.preallocatesMetadata = preallocatesMetadata
        self.origin = origin
    }

    public struct Origin: Sendable {
        public var volume: Volume
        public var pool: any ActivePool

        public init(volume: Volume, pool: any ActivePool) {
            self.volume = volume
            self.pool = pool
        }
    }
}

/// What size to give a volume; the engine has turned a delta into a capacity and refused an unasked-for shrink.
public struct ResizeRequest: Sendable, Hashable {
    public var capacity: ByteCount
    /// What it must have before, where the new capacity was reckoned from that.
    public var expected: ByteCount?
    /// The volume may lose its end.
    public var allowsShrink: Bool
    /// Allocate the new space at once.
    public var allocates: Bool
    /// Shrink it even while somebody has it open, where a backend knows who has.
    public var isForced: Bool

    public init(
        capacity: ByteCount, expected: ByteCount? = nil, allowsShrink: Bool = false, allocates: Bool = false,
        isForced: Bool = false
    ) {
        self.capacity = capacity
        self.expected = expected
        self.allowsShrink = allowsShrink
        self.allocates = allocates
        self.isForced = isForced
    }

    /// Whether the volume is still what the request was made for: another host may have given it another size since it was listed.
    ///
    /// - Parameter now: its capacity, as it was just read.
    /// - Throws: `invalid_state`.
    package func check(_ name: String, whichHas now: ByteCount) throws(StorageError) {
        guard (expected ?? now) == now, allowsShrink || capacity >= now else {
            throw StorageError(
                .invalidState,
                "'\(name.printable)' has \(now) bytes by now, which isn't what was listed: refresh the pool and look again",
                subject: .volume(name.printable))
        }
    }
}

/// A pool whose volumes' bytes can be read and written.
///
/// Before any byte is written the volume's identity is read again and compared with the one that was listed.
public protocol VolumeData: ActivePool {
    /// Writes `transfer.length` bytes (or all there are) of a file or pipe to the volume.
    func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary

    /// Writes bytes of the volume to a file or pipe.
    func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary

    func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary
}

/// The local end of a transfer: an open file, pipe or socket that the caller keeps open and closes.
public struct DataEnd: Sendable {
    public var descriptor: FileDescriptor
    /// Whether it can be read and written at offsets and may have holes (a regular file or a block device).
    public var isSeekable: Bool
    /// For messages.
    public var name: String

    public init(descriptor: FileDescriptor, isSeekable: Bool, name: String) {
        self.descriptor = descriptor
        self.isSeekable = isSeekable
        self.name = name
    }
}

public struct TransferRequest: Sendable, Hashable {
    /// Where in the volume to begin.
    public var offset: ByteCount
    /// How many bytes at most; nil for all.
    public var length: ByteCount?
    /// Leave runs of zeros out: holes in a file, UNMAP or WRITE SAME on a LUN; the result reads the same.
    public var isSparse: Bool

    public init(offset: ByteCount = 0, length: ByteCount? = nil, isSparse: Bool = false) {
        self.offset = offset
        self.length = length
        self.isSparse = isSparse
    }
}

public struct TransferSummary: Sendable, Hashable {
    /// Bytes of the volume that were covered, zeros that were left out included.
    public var bytes: ByteCount
    /// Bytes that were really moved.
    public var moved: ByteCount

    public init(bytes: ByteCount, moved: ByteCount) {
        self.bytes = bytes
        self.moved = moved
    }
}

/// How a volume is wiped, by virsh's names.
public enum WipeAlgorithm: String, Sendable, Hashable, CaseIterable {
    case zero, nnsa, dod, bsi, gutmann, schneier, pfitzner7, pfitzner33, random, trim
}
