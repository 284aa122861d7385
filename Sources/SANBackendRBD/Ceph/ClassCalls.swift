import CCeph
import SANEngine
import SANModel

/// Calls of Ceph's `rbd` object class on one object, or reads of its beginning, all in one read operation, which is under way until it is waited for.
///
/// Its buffer is used again for the next object. For one thread.
@safe
final class ClassCalls {
    struct Call: Hashable {
        /// Nil to read the object's first bytes.
        var method: String?
        var input: [UInt8]
        /// The longest answer that is taken.
        var limit: Int
        /// An answer that fails doesn't make the others fail.
        var isOptional = false
    }

    struct Outcome {
        /// Of the operation as a whole: 0 or a negative errno.
        var result: Int32
        /// One for each call; nil where it failed or was longer than its limit.
        var answers: [[UInt8]?]
    }

    let calls: [Call]
    /// For each call a `size_t`, the length of its answer, and an `int`, its result, in sixteen bytes; then the answers.
    private let buffer: TransferBuffer
    private let offsets: [Int]
    private var operation: rados_read_op_t?
    private var completion: rados_completion_t?

    private static let header = 16

    init(_ calls: [Call]) {
        self.calls = calls
        var offsets: [Int] = []
        var end = ClassCalls.header * calls.count
        for call in calls {
            offsets.append(end)
            end += (call.limit + 15) / 16 * 16
        }
        self.offsets = offsets
        buffer = TransferBuffer(count: end)
    }

    deinit {
        if unsafe completion != nil { _ = wait() }
    }

    /// Sends it.
    ///
    /// - Parameter pool: another pool than the connection's, by its number.
    /// - Returns: 0 or a negative errno; only after 0 there is something to wait for.
    func start(on object: String, _ connection: ClusterConnection, pool: Int64? = nil) -> Int32 {
        let functions = unsafe CephLibrary.functions
        // Not ENOENT, which is an object's that isn't there.
        guard let context = unsafe connection.ioContext(of: pool) else { return -6 }
        var made: rados_completion_t?
        let created = unsafe functions.rados_aio_create_completion2(nil, nil, &made)
        guard created >= 0, let new = unsafe made else { return min(created, -1) }
        let operation = unsafe functions.rados_create_read_op()
        // librados writes there until the operation has ended, which wait() sees; the buffer lives longer.
        unsafe buffer.withBytes { memory in
            guard let base = memory.baseAddress else { return }
            for index in 0..<ClassCalls.header * calls.count { unsafe memory[index] = 0 }
            for (index, call) in calls.enumerated() {
                let slot = unsafe base + ClassCalls.header * index
                guard let method = call.method else {
                    unsafe functions.rados_read_op_read(
                        operation, 0, call.limit, (base + offsets[index]).assumingMemoryBound(to: CChar.self),
                        slot.assumingMemoryBound(to: Int.self), (slot + 8).assumingMemoryBound(to: Int32.self))
                    continue
                }
                unsafe call.input.withUnsafeBytes { input in
                    unsafe functions.rados_read_op_exec_user_buf(
                        operation, "rbd", method, input.baseAddress?.assumingMemoryBound(to: CChar.self),
                        input.count,
                        (base + offsets[index]).assumingMemoryBound(to: CChar.self), call.limit,
                        slot.assumingMemoryBound(to: Int.self), (slot + 8).assumingMemoryBound(to: Int32.self))
                }
                if call.isOptional {
                    unsafe functions.rados_read_op_set_flags(operation, Int32(LIBRADOS_OP_FLAG_FAILOK))
                }
            }
        }
        let sent = unsafe functions.rados_aio_read_op_operate(operation, context, new, object, 0)
        guard sent >= 0 else {
            unsafe functions.rados_aio_release(new)
            unsafe functions.rados_release_read_op(operation)
            return sent
        }
        unsafe self.operation = operation
        unsafe completion = new
        return 0
    }

    /// Waits for its end; blocks up to `rados_osd_op_timeout`.
    func wait() -> Outcome {
        let functions = unsafe CephLibrary.functions
        guard let pending = unsafe completion else { return Outcome(result: -22, answers: []) }
        _ = unsafe functions.rados_aio_wait_for_complete(pending)
        let result = unsafe functions.rados_aio_get_return_value(pending)
        unsafe functions.rados_aio_release(pending)
        unsafe functions.rados_release_read_op(operation)
        unsafe completion = nil
        unsafe operation = nil
        guard result >= 0 else { return Outcome(result: result, answers: []) }
        let answers = calls.indices.map { index -> [UInt8]? in
            unsafe buffer.withBytes { memory in
                let slot = ClassCalls.header * index
                let length = unsafe memory.load(fromByteOffset: slot, as: Int.self)
                let result = unsafe memory.load(fromByteOffset: slot + 8, as: Int32.self)
                guard result >= 0, (0...calls[index].limit).contains(length) else { return nil }
                return unsafe Array(memory[offsets[index]..<offsets[index] + length])
            }
        }
        return Outcome(result: 0, answers: answers)
    }
}
