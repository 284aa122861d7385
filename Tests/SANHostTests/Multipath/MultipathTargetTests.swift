import SANHost
import SANModel
import Testing

/// Lines of `dmsetup table` and `dmsetup status` of Linux 6.1, behind the target's name.
enum MultipathLines {
    static let table = "1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:64 1 1 8:80 1 1 "
    static let status = "2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 A 0 0 1 "
    static let oneFailed = "2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 F 3 0 1 "
    static let allFailed = "2 1 1 0 1 1 E 0 2 2 8:64 F 1 0 1 8:80 F 3 0 1 "
    static let twoGroupsTable = "0 1 alua 2 1 service-time 0 1 2 8:32 1 1 service-time 0 1 2 8:0 1 1 "
    static let twoGroupsStatus = "2 0 1 0 2 1 A 0 1 2 8:32 A 0 0 1 E 0 1 2 8:0 A 0 0 1 "
    static let noPathsTable = "1 queue_if_no_path 0 0 0 "
    static let noPathsStatus = "2 0 0 0 0 0 "
}

@Suite("The lines of a multipath target")
struct MultipathTargetTests {
    @Test("two paths in one group")
    func oneGroup() throws {
        let target = try MultipathTarget(table: MultipathLines.table, status: MultipathLines.oneFailed)
        #expect(target.features == ["queue_if_no_path"])
        #expect(target.queuesWithoutPaths)
        #expect(target.hardwareHandler == "alua")
        #expect(target.policy == "service-time 0")
        #expect(target.groups.map(\.state) == [.active])
        #expect(target.paths.map(\.device.description) == ["8:64", "8:80"])
        #expect(target.paths.map(\.isActive) == [true, false])
        #expect(target.paths.map(\.failures) == [0, 3])
    }

    @Test("two groups, the policy being that of the active one")
    func twoGroups() throws {
        let table =
            "3 pg_init_retries 50 queue_if_no_path 1 emc 2 2 round-robin 0 1 1 8:32 1 queue-length 1 7 1 1 8:0 128"
        let status = "2 0 0 0 2 2 E 0 1 0 8:32 A 0 A 0 1 1 8:0 A 0 17"
        let target = try MultipathTarget(table: table, status: status)
        #expect(target.features == ["pg_init_retries 50", "queue_if_no_path"])
        #expect(target.hardwareHandler == "emc")
        #expect(target.groups.map(\.state) == [.enabled, .active])
        #expect(target.groups.map(\.selector) == ["round-robin 0", "queue-length 1 7"])
        #expect(target.policy == "queue-length 1 7")
    }

    @Test("no paths at all")
    func noPaths() throws {
        let target = try MultipathTarget(table: MultipathLines.noPathsTable, status: MultipathLines.noPathsStatus)
        #expect(target.groups.isEmpty)
        #expect(target.queuesWithoutPaths)
        #expect(target.policy == nil)
    }

    @Test("whatever is cut off, changed or too large is refused, and nothing traps")
    func hostile() {
        func refused(_ table: some StringProtocol, _ status: some StringProtocol) -> Bool {
            do {
                _ = try MultipathTarget(table: String(table), status: String(status))
                return false
            } catch {
                return error.code == .hostFailure
            }
        }
        for (table, status) in [
            (MultipathLines.table, MultipathLines.status),
            (MultipathLines.twoGroupsTable, MultipathLines.twoGroupsStatus),
        ] {
            let (words, states) = (table.split(separator: " "), status.split(separator: " "))
            for count in words.indices { #expect(refused(words[..<count].joined(separator: " "), status)) }
            for count in states.indices { #expect(refused(table, states[..<count].joined(separator: " "))) }
            #expect(refused(table + "1", status))
            #expect(refused(table, status + "1"))
            for huge in ["18446744073709551615", "9223372036854775807", "-1", "0x1", "", "\u{FFFD}"] {
                for index in words.indices where UInt64(words[index]) != nil {
                    var words = words
                    words[index] = huge[...]
                    _ = refused(words.joined(separator: " "), status)
                }
                for index in states.indices where UInt64(states[index]) != nil {
                    var states = states
                    states[index] = huge[...]
                    _ = refused(table, states.joined(separator: " "))
                }
            }
        }
        #expect(refused(MultipathLines.table, MultipathLines.twoGroupsStatus), "another map's status")
        #expect(refused(MultipathLines.table, "2 0 1 0 1 1 X 0 2 2 8:64 A 0 0 1 8:80 A 0 0 1"))
        #expect(refused(MultipathLines.table, "2 0 1 0 1 1 A 0 2 2 8:64 Q 0 0 1 8:80 A 0 0 1"))
        #expect(refused("0 0 4294967295 1 " + String(repeating: "a 0 1000000 ", count: 200_000), MultipathLines.status))
    }
}
