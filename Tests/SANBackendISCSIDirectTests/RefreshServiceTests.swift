import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSIDirect

@Suite struct RefreshServiceTests {
    static let iqn = "iqn.2013-06.com.example:refresh"

    @Test func listsUnits() async throws {
        let server = try TgtServer()
        try server.addTarget(1, Self.iqn)
        try server.addLUN(1, of: 1, size: 64 << 20)
        let pool = try await PoolFixture.pool(of: server, target: Self.iqn)
        let snapshot = try await pool.refresh(in: PoolFixture.context())
        for volume in snapshot.volumes { print(volume) }
        #expect(snapshot.volumes.count == 2)
    }
}
