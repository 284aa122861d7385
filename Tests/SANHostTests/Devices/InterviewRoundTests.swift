import SANModel
import SANTestSupport
import Synchronization
import Testing

@testable import SANHost

@Suite("Asking many units")
struct InterviewRoundTests {
    /// Units of a host that has nothing else.
    private func units(_ count: Int) throws -> [SCSIUnit] {
        var capture = ""
        for lun in 0..<count {
            let folder = "/sys/devices/platform/host0/target0:0:0/0:0:0:\(lun)"
            capture += "L /sys/bus/scsi/devices/0:0:0:\(lun) ../../../devices/platform/host0/target0:0:0/0:0:0:\(lun)\n"
            capture += "F \(folder)/type 0\\n\nF \(folder)/state running\\n\n"
        }
        let host = try CapturedHost(capture)
        return try withExtendedLifetime(host) { try SCSIUnit.all(on: host.root) }
    }

    private let identity: LiveIdentity

    init() throws {
        identity = LiveIdentity(inquiry: try StandardInquiry(SCSIAnswer.inquiry(vendor: "SANCTL", product: "DISK")))
    }

    @Test("every unit has its own answer", arguments: [0, 1, 9, 200])
    func answers(_ count: Int) async throws {
        let units = try units(count)
        let round = InterviewRound(units, patience: .seconds(300), until: .after(.seconds(300))) {
            [identity] unit, _ throws(StorageError) in
            guard unit.lunNumber % 3 == 0 else { throw StorageError(.unavailable, "\(unit.hctl)") }
            return identity
        }
        let answers = await round.run()
        #expect(answers.count == count)
        for unit in units {
            switch try #require(answers[unit.hctl]) {
            case .success: #expect(unit.lunNumber % 3 == 0)
            case .failure(let error): #expect(error.message == "\(unit.hctl)")
            }
        }
    }

    @Test("more units that hang than there are threads are problems of their own, and all others answer")
    func hanging() async throws {
        let units = try units(40)
        let release = Event()
        let round = InterviewRound(units, patience: .seconds(5), until: .after(.seconds(300))) {
            [identity] unit, _ throws(StorageError) in
            if unit.lunNumber < 15 { release.wait() }
            return identity
        }
        let answers = await round.run()
        for _ in 0..<15 { release.signal() }
        #expect(answers.count == 40)
        for unit in units {
            switch try #require(answers[unit.hctl]) {
            case .success: #expect(unit.lunNumber >= 15)
            case .failure(let error):
                #expect(error.code == .timedOut && unit.lunNumber < 15, "\(unit.hctl): \(error)")
            }
        }
    }

    @Test(
        "at the deadline, and when the asker is gone, those that haven't answered have failed",
        arguments: [true, false])
    func over(_ isCancelled: Bool) async throws {
        let units = try units(40)
        let release = Event()
        let asked = Event()
        let round = InterviewRound(
            units, patience: .seconds(300), until: .after(isCancelled ? .seconds(300) : .milliseconds(200))
        ) { [identity] _, _ throws(StorageError) in
            asked.signal()
            release.wait()
            return identity
        }
        let task = Task { await round.run() }
        if isCancelled {
            try await withThread { asked.wait() }
            task.cancel()
        }
        let answers = await task.value
        for _ in 0..<40 { release.signal() }
        #expect(answers.count == 40)
        let code: StorageError.Code = isCancelled ? .cancelled : .timedOut
        #expect(answers.values.allSatisfy { if case .failure(let error) = $0 { error.code == code } else { false } })
    }
}

extension SCSIUnit {
    fileprivate var lunNumber: UInt64 { hctl.lun.number ?? .max }
}
