import SANHost
import SANModel
import Synchronization
import Testing

/// Real netlink messages, as root sends them; no udevd is needed.
@Suite struct UdevMonitorServiceTests {
    private static let soon = Duration.seconds(30)

    @Test func anEventOfTheSubsystemIsHeardAndOthersAreNot() async throws {
        let events = try await UdevMonitor().listen(to: ["block"])
        let udev = try UdevBroadcast()
        let mine = "/devices/virtual/block/loop\(UInt32.random(in: 1000...9_999_999))"
        try #require(udev.send(action: "add", subsystem: "scsi", path: "\(mine)-other"))
        try #require(udev.send(action: "change", subsystem: "block", path: mine))
        while let event = try await events.next(until: .after(Self.soon)) {
            #expect(event.subsystem == "block")
            guard event.path == mine else { continue }
            #expect(event.action == "change")
            return
        }
        Issue.record("The event didn't come")
    }

    @Test func whatCameBeforeTheWaitIsHeard() async throws {
        let events = try await UdevMonitor().listen(to: ["sanctl-test"])
        let udev = try UdevBroadcast()
        for number in 1...3 {
            #expect(udev.send(action: "add", subsystem: "sanctl-test", path: "/devices/\(number)", number: number))
        }
        for number in 1...3 {
            #expect(try await events.next(until: .after(Self.soon))?.path == "/devices/\(number)")
        }
    }

    @Test func lostEventsCountAsOneWithoutAPath() async throws {
        let events = try await UdevMonitor(receiveBuffer: 4096).listen(to: ["sanctl-flood"])
        let udev = try UdevBroadcast()
        // Far more than the kernel keeps in so small a buffer; the sender never hears of it.
        for number in 1...2000 {
            _ = udev.send(action: "add", subsystem: "sanctl-flood", path: "/devices/x", number: number)
        }
        var heard: [DeviceEvent] = []
        while let event = try await events.next(until: .after(Self.soon)) {
            heard.append(event)
            if event.path.isEmpty { break }
        }
        #expect(heard.count < 2000)
        #expect(heard.last == DeviceEvent(action: "", subsystem: "", path: ""))
    }

    @Test func waitsEndAtTheDeadlineAndAtCancellation() async throws {
        let events = try await UdevMonitor().listen(to: ["sanctl-silence"])
        #expect(try await events.next(until: .after(.milliseconds(1))) == nil)
        let waiting = Task { try await events.next(until: .never) }
        waiting.cancel()
        await #expect(throws: StorageError.self) { _ = try await waiting.value }
        // A cancelled wait leaves nothing behind that would end the next one.
        let udev = try UdevBroadcast()
        #expect(udev.send(action: "add", subsystem: "sanctl-silence", path: "/devices/last"))
        #expect(try await events.next(until: .after(Self.soon))?.path == "/devices/last")
    }

    @Test func lookingAgainFindsWhatAnEventAnnounced() async throws {
        let isThere = Mutex(false)
        let looks = Mutex(0)
        let udev = try UdevBroadcast()
        let found = try await UdevMonitor().wait(for: "the disk", in: ["sanctl-look"], until: .after(Self.soon)) {
            () throws(StorageError) -> Int? in
            if isThere.withLock({ $0 }) { return looks.withLock { $0 } }
            // The device comes after the first look: its event is not missed, as listening began before.
            isThere.withLock { $0 = true }
            looks.withLock { $0 += 1 }
            _ = udev.send(action: "add", subsystem: "sanctl-look", path: "/devices/disk")
            return nil
        }
        #expect(found == 1)
    }
}
