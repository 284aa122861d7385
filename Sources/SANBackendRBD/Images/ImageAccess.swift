import CCeph
import SANEngine
import SANModel
import Synchronization

/// An open image, for the threads that move its bytes.
///
/// It is closed when the last of them has ended, which may be long after anybody waited for it: librbd can't take a request back.
final class ImageAccess: RequestTarget {
    private let image: Mutex<OpenImage?>
    private let name: String
    private let isDecrypted: Bool

    /// - Parameter isDecrypted: whether librbd encrypts and decrypts what is moved.
    init(_ image: OpenImage, isDecrypted: Bool = false) {
        self.isDecrypted = isDecrypted
        name = image.name.printable
        self.image = Mutex(image)
    }

    /// The bytes of one read or write: an object of the usual size.
    private static let chunk = 4 << 20
    /// `LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL`: nobody looks at the bytes again soon.
    private static let isSequential: Int32 = 0x10

    /// - Parameter capacity: in bytes.
    func transfer(capacity: UInt64) -> VolumeTransfer<ImageAccess> {
        let geometry = TransferGeometry(blockSize: 1, capacity: capacity, chunk: ImageAccess.chunk)
        return VolumeTransfer(self, geometry, named: name)
    }

    var threadName: String { "san-rbd-io" }

    func overdue(_ patience: Duration) -> StorageError {
        StorageError(
            .timedOut,
            "The cluster didn't end a request to the image '\(name)' within \(patience); it may still carry it out",
            subject: .volume(name))
    }

    func perform(_ request: StorageRequest) throws(StorageError) -> UInt64 {
        guard let image = image.withLock({ $0 }) else {
            throw StorageError(.invalidState, "The image '\(name)' is closed", subject: .volume(name))
        }
        let functions = unsafe CephLibrary.functions
        switch request {
        case .read(let chunk):
            let result = unsafe chunk.withMemory { memory in
                unsafe functions.rbd_read2(
                    image.handle, chunk.offset, Int(chunk.length), memory, ImageAccess.isSequential)
            }
            try check(result, image, cannot: "read from the image at \(chunk.offset)")
            guard UInt64(result) == chunk.length else {
                throw StorageError(
                    .backendFailure,
                    "The image gave \(result) of \(chunk.length) bytes at \(chunk.offset): it became smaller")
            }
            return 0
        case .write(let chunk):
            let result = unsafe chunk.withMemory { memory in
                unsafe functions.rbd_write2(
                    image.handle, chunk.offset, Int(chunk.length), memory, ImageAccess.isSequential)
            }
            try check(result, image, cannot: "write to the image at \(chunk.offset)")
            return chunk.length
        case .zero(let range, let method):
            // Not a discard, which leaves what isn't a whole `rbd_discard_granularity_bytes` as it was.
            let flags = method == .write ? Int32(RBD_WRITE_ZEROES_FLAG_THICK_PROVISION) : 0
            let result = unsafe functions.rbd_write_zeroes(image.handle, range.lowerBound, range.count, flags, 0)
            try check(result, image, cannot: "write zeros to the image at \(range.lowerBound)")
            return method == .write ? UInt64(range.count) : 0
        case .flush:
            try check(Int(unsafe functions.rbd_flush(image.handle)), image, cannot: "flush the image")
            return 0
        }
    }

    /// From the object map, where the image keeps it with fast-diff: whole objects then; else objects are asked for what they have.
    func data(in range: Range<UInt64>) throws(StorageError) -> [Range<UInt64>] {
        // Of an encrypted image librbd tells where the data is on the cluster, and not where the guest sees it (16.2).
        guard !isDecrypted, let image = image.withLock({ $0 }) else { return [range] }
        return try image.data(in: range)
    }

    func close() {
        let open = image.withLock { image in
            defer { image = nil }
            return image
        }
        // Closed here, outside the lock.
        withExtendedLifetime(open) {}
    }

    private func check(_ result: Int, _ image: OpenImage, cannot action: String) throws(StorageError) {
        guard result < 0 else { return }
        throw image.failure(CephFailure(result), cannot: action)
    }
}

extension TransferChunk {
    /// Lends the memory for one call.
    @unsafe fileprivate func withMemory(_ body: (UnsafeMutablePointer<CChar>?) -> Int) -> Int {
        guard let buffer else { return -22 }
        return unsafe buffer.withBytes { memory in
            unsafe body(memory.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self))
        }
    }
}
