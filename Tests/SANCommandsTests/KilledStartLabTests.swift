import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANCommands

/// What a process leaves that is killed in the middle of a start, and that the next command finds it.
@Suite("A start that is killed", .serialized, .timeLimit(.minutes(10)))
struct KilledStartLabTests {
    @Test("once its first session is there: the pool is found started, and its stop takes everything away")
    func sessions() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            try await target.addLUN(0, size: 16 << 20)
            _ = try await lab.initiator()
            let program = try BuiltProgram()
            let result = try await program.script(
                """
                set -e
                cat >"$FOLDER/pool.xml" <<XML
                <pool type='iscsi'><name>san</name><source><host name='10.99.0.1'/><device path='\(target.iqn)'/></source>
                <target><path>/dev/disk/by-path</path></target></pool>
                XML
                "$SANCTL" -q pool define "$FOLDER/pool.xml"
                "$SANCTL" -q pool start san --timeout 120 & start=$!
                until [[ -n $(ls /sys/class/iscsi_session 2>/dev/null) ]]; do kill -0 $start; done
                kill -9 $start
                wait $start || true
                # A login that iscsid was asked for goes on without whoever asked.
                "$SANCTL" pool list --all --output json >&2
                "$SANCTL" -q pool stop san --timeout 120 || "$SANCTL" -q pool stop san --timeout 120
                ls /sys/class/iscsi_session
                find /etc/iscsi/nodes /etc/iscsi/ifaces /etc/iscsi/static /etc/iscsi/send_targets ! -type d || true
                """)
            #expect(result.status == 0, "\(result.diagnostics)")
            // No session, and no record.
            #expect(result.text.isEmpty, "\(result.text)\(result.diagnostics)")
        }
    }
}
