import CLinux
import SANEngine
import SANHost
import SANModel
import SystemPackage

/// An open block device, for the threads that move its bytes.
struct DeviceAccess: RequestTarget {
    let device: OpenBlockDevice
    let geometry: TransferGeometry

    var threadName: String { "san-block-io" }

    func overdue(_ patience: Duration) -> StorageError {
        StorageError(
            .timedOut,
            "\(device.name) didn't end a request within \(patience); the kernel may still carry it out: look at its paths",
            subject: .device(device.name))
    }

    /// - Throws: `unsupported`, `not_found` for a device that is gone, `backend_failure`, `busy`, `timed_out`.
    func perform(_ request: StorageRequest) throws(StorageError) -> UInt64 {
        switch request {
        case .read(let chunk):
            guard let buffer = chunk.buffer else { return 0 }
            let base = geometry.roundedDown(chunk.offset)
            try device.read(buffer, 0..<Int(geometry.roundedUp(chunk.end) - base), at: base)
            return 0
        case .write(let chunk):
            guard let buffer = chunk.buffer else { return 0 }
            try DeviceAccess.write(chunk, buffer, to: device, geometry.blockSize)
            return chunk.length
        case .zero(let range, let method):
            let count = range.upperBound - range.lowerBound
            let code =
                switch method {
                case .punch: san_block_punch(device.descriptor, range.lowerBound, count)
                case .write: san_block_zero(device.descriptor, range.lowerBound, count)
                case .discard: san_block_discard(device.descriptor, range.lowerBound, count)
                }
            try device.check(code, method == .discard ? "discard blocks of" : "write zeros to")
            return method == .write ? count : 0
        case .flush:
            try device.check(san_file_sync(device.descriptor), "flush")
            return 0
        }
    }

    private static func write(
        _ chunk: TransferChunk, _ buffer: TransferBuffer, to device: OpenBlockDevice, _ size: Int
    ) throws(StorageError) {
        let start = chunk.start
        let end = start + Int(chunk.length)
        let lower = start / size * size
        let upper = (end + size - 1) / size * size
        let base = chunk.offset - UInt64(start - lower)
        if start > lower { try patch(buffer, lower..<start, blockStart: lower, of: device, at: base, size) }
        if end < upper {
            let last = upper - size
            try patch(buffer, end..<upper, blockStart: last, of: device, at: base + UInt64(last - lower), size)
        }
        try device.write(buffer, lower..<upper, at: base)
    }

    /// Fills a part of the buffer with what the device has there.
    private static func patch(
        _ buffer: TransferBuffer, _ range: Range<Int>, blockStart: Int, of device: OpenBlockDevice, at offset: UInt64,
        _ size: Int
    ) throws(StorageError) {
        // At least a page, as smaller ones aren't aligned for direct I/O.
        let block = TransferBuffer(count: max(size, 4096))
        try device.read(block, 0..<size, at: offset)
        unsafe block.withBytes { from in
            unsafe buffer.withBytes { to in
                let part = unsafe from[range.lowerBound - blockStart..<range.upperBound - blockStart]
                unsafe UnsafeMutableRawBufferPointer(rebasing: to[range])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
            }
        }
    }
}

extension OpenBlockDevice {
    fileprivate func check(_ code: Int32, _ action: String) throws(StorageError) {
        if code < 0 { throw failure(Errno(rawValue: -code), action) }
    }

    fileprivate func read(_ buffer: TransferBuffer, _ range: Range<Int>, at offset: UInt64) throws(StorageError) {
        let count = unsafe buffer.withBytes { memory in
            guard let start = unsafe memory.baseAddress?.advanced(by: range.lowerBound) else { return Int64(0) }
            return unsafe san_file_read(descriptor, start, range.count, offset)
        }
        if count < 0 { throw failure(Errno(rawValue: Int32(clamping: -count)), "read") }
        guard count == range.count else {
            throw StorageError(
                .backendFailure, "\(name) gave \(count) of \(range.count) bytes at \(offset): it became smaller",
                subject: .device(name))
        }
    }

    fileprivate func write(_ buffer: TransferBuffer, _ range: Range<Int>, at offset: UInt64) throws(StorageError) {
        let count = unsafe buffer.withBytes { memory in
            guard let start = unsafe memory.baseAddress?.advanced(by: range.lowerBound) else { return Int64(0) }
            return unsafe san_file_write(descriptor, start, range.count, offset)
        }
        if count < 0 { throw failure(Errno(rawValue: Int32(clamping: -count)), "write to") }
    }
}
