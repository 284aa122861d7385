import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANEngine

@Suite("What an upload reads")
struct SourceReaderTests {
    private let capacity = 8192

    /// What the storage's side finds in the ring once the reader is through with a pipe of so many bytes.
    private func reading(_ count: Int) throws -> (chunks: [Range<UInt64>], end: TransferRing.Next) {
        let (reading, writing) = try FileDescriptor.pipe()
        defer { try? reading.close() }  // nothing was written to it
        _ = try writing.writeAll([UInt8](repeating: 7, count: count))
        try writing.close()
        let ring = try TransferRing(size: 4096, limit: 4, storage: WakeSignal())
        SourceReader(
            file: try TransferEnd(DataEnd(descriptor: reading, isSeekable: false, name: "pipe")), ring: ring,
            geometry: TransferGeometry(blockSize: 512, capacity: UInt64(capacity), chunk: 4096), offset: 0, length: nil,
            skipsZeros: false
        ).run()
        var chunks: [Range<UInt64>] = []
        while true {
            let next = ring.next()
            guard case .chunk(let chunk) = next else { return (chunks, next) }
            chunks.append(chunk.offset..<chunk.end)
        }
    }

    @Test("ends where the volume ends")
    func whole() throws {
        let (chunks, end) = try reading(capacity)
        #expect(chunks == [0..<4096, 4096..<8192])
        guard case .ended = end else {
            Issue.record("the ring ended with \(end)")
            return
        }
    }

    @Test("a source that is too long never looks complete, however fast the storage is")
    func tooLong() throws {
        let (chunks, end) = try reading(capacity + 1)
        #expect(chunks == [0..<4096, 4096..<8192])
        guard case .failed(let error) = end else {
            Issue.record("the ring ended with \(end)")
            return
        }
        #expect(error.code == .invalidArgument)
    }
}
