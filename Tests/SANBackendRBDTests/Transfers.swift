import SANEngine
import SANModel
import SANTestSupport

@testable import SANBackendRBD

/// Transfers from and to arrays, through files.
enum Transfers {
    @discardableResult
    static func upload(
        _ bytes: [UInt8], to volume: Volume, of pool: RBDPool, _ fixture: RBDFixture,
        _ request: TransferRequest = TransferRequest()
    ) async throws -> TransferSummary {
        let folder = try TemporaryFolder()
        try LocalEnds.write(bytes, to: folder.appending("source"))
        return try await pool.upload(
            LocalEnds.reading(folder.appending("source")), to: volume, request, in: fixture.context())
    }

    static func download(
        _ volume: Volume, of pool: RBDPool, _ fixture: RBDFixture, _ request: TransferRequest = TransferRequest()
    ) async throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let sink = folder.appending("sink")
        _ = try await pool.download(volume, to: LocalEnds.writing(sink), request, in: fixture.context())
        return try LocalEnds.read(sink)
    }
}
