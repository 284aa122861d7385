import SANEngine
import SANHost
import SANModel

/// How a disk is read and written: its blocks, and what a command may do.
struct UnitGeometry: Sendable {
    let lun: LogicalUnitNumber
    /// What libiscsi addresses it by.
    let word: UInt16
    let transfer: TransferGeometry
    let limits: BlockLimits
    let provisioning: LogicalBlockProvisioning
    /// Deallocated blocks read as zeros.
    let readsZeros: Bool
    /// The unit says that it can deallocate blocks at all.
    let isProvisioned: Bool

    /// How many reads or writes are under way at once.
    static let window = 8
    /// What fits into the first burst that libiscsi negotiates (1.19): a write of this size needs no further question of the target.
    static let preferredChunk = 256 << 10
    /// The bytes of one WRITE SAME or UNMAP where the unit gives no limit: small enough to end within any patience.
    private static let preferredRun: UInt64 = 32 << 20

    /// - Throws: `invalid_state` for a unit that is no disk, or whose size isn't known.
    init(_ report: UnitReport) throws(StorageError) {
        guard report.inquiry?.isDisk == true, let size = report.capacity, let word = report.lun.word else {
            throw StorageError(.invalidState, "LUN \(report.lun) isn't a disk")
        }
        lun = report.lun
        self.word = word
        let blockSize = Int(size.blockSize)
        limits = report.limits
        provisioning = report.provisioning
        readsZeros = report.provisioning.readsZeros || size.readsZeros
        isProvisioned = size.isProvisioned
        let most = report.limits.maximumTransfer.map { UInt64($0) * UInt64(size.blockSize) } ?? .max
        transfer = TransferGeometry(
            blockSize: blockSize, capacity: size.capacity.bytes,
            chunk: max(blockSize, Int(min(most, UInt64(UnitGeometry.preferredChunk))) / blockSize * blockSize))
    }

    var blockSize: Int { transfer.blockSize }
    var capacity: UInt64 { transfer.capacity }
    var chunk: Int { transfer.chunk }

    func block(_ offset: UInt64) -> UInt64 { transfer.block(offset) }
    func roundedDown(_ offset: UInt64) -> UInt64 { transfer.roundedDown(offset) }
    func chunkEnd(after offset: UInt64) -> UInt64 { transfer.chunkEnd(after: offset) }

    /// The most bytes of zeros for one command.
    func runLength(_ method: ZeroMethod) -> UInt64 {
        let size = UInt64(blockSize)
        let preferred = max(1, UnitGeometry.preferredRun / size)
        switch method {
        case .writeSame: return min(preferred, limits.maximumWriteSame ?? .max) * size
        case .write: return UInt64(chunk)
        case .unmap:
            let most = min(preferred * 32, limits.maximumUnmap.map(UInt64.init) ?? .max)
            let granularity = UInt64(limits.unmapGranularity ?? 1)
            return (most > granularity ? most / granularity * granularity : most) * size
        }
    }
}

/// How blocks are made to read as zeros, or deallocated.
enum ZeroMethod: Sendable, Hashable {
    case writeSame(deallocates: Bool)
    case write
    /// For `trim` only: a unit may take UNMAP as a hint and keep what it likes, so it is no way to write zeros.
    case unmap
}
