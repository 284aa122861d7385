import CCeph
import SANModel
import Synchronization

extension OpenImage {
    /// Where the image, or the parent that it stands on, has data: whole objects where fast-diff tells, else what each object has.
    ///
    /// - Returns: ranges within the given one, in order, that don't overlap.
    func data(in range: Range<UInt64>) throws(StorageError) -> [Range<UInt64>] {
        let question = DataQuestion(
            range, order: try sizeAndOrder().order, features: try features(), flags: try flags())
        let found = FoundData()
        let result = unsafe CephLibrary.functions.rbd_diff_iterate2(
            handle, nil, question.offset, question.length, 1, question.isFast ? 1 : 0,
            { offset, length, exists, argument in
                guard exists != 0, let argument = unsafe argument else { return 0 }
                unsafe Unmanaged<FoundData>.fromOpaque(argument).takeUnretainedValue()
                    .add(offset, UInt64(clamping: length))
                return 0
            }, Unmanaged.passUnretained(found).toOpaque())
        try check(result, cannot: "look for data in")
        return withExtendedLifetime(found) { found.merged(within: range) }
    }
}

/// What librbd is asked, to be told of all data in a range.
///
/// Before Ceph 16.2.8 fast-diff's answers are wrong for stripes, and where the range begins within an object (Ceph PR 44483).
struct DataQuestion: Sendable, Hashable {
    let offset: UInt64
    let length: UInt64
    /// By the object map: whole objects.
    let isFast: Bool

    init(_ range: Range<UInt64>, order: UInt8, features: ImageFeatures, flags: ImageFlags) {
        isFast = features.contains(.fastDiff) && !flags.contains(.fastDiffInvalid) && !features.contains(.striping)
        offset = range.lowerBound - range.lowerBound % (1 << UInt64(min(order, 40)))
        length = range.upperBound - offset
    }
}

/// What librbd's call says there is, in whatever order.
private final class FoundData: Sendable {
    private let ranges = Mutex<[Range<UInt64>]>([])

    func add(_ offset: UInt64, _ length: UInt64) {
        let (end, overflow) = offset.addingReportingOverflow(length)
        ranges.withLock { $0.append(offset..<(overflow ? .max : end)) }
    }

    func merged(within bounds: Range<UInt64>) -> [Range<UInt64>] {
        let sorted = ranges.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        var merged: [Range<UInt64>] = []
        for range in sorted.map({ $0.clamped(to: bounds) }) where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
