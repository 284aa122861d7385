import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite struct LiveIdentityTests {
    private let tree: HostTree
    private let unit: SCSIUnit
    private let interview = ScriptedInterview()

    init() throws {
        tree = try HostTree()
        unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1), serial: "ABC")
    }

    private func live(
        naa: [UInt8]? = SCSIAnswer.naa(1), t10: String? = nil, serial: String? = "ABC", bytes: UInt64 = 1 << 20,
        product: String = "DISK"
    ) async throws -> LiveIdentity {
        try interview.answer(unit, naa: naa, t10: t10, serial: serial, bytes: bytes, product: product)
        return try await interview.ask(unit, until: .after(.seconds(30)))
    }

    /// L01: the array gave the number to another unit, and sysfs has the old one's pages.
    @Test func theLiveUnitIsAnotherOne() async throws {
        let other = try await live(naa: SCSIAnswer.naa(2), serial: "XYZ")
        let texts = other.mismatches(with: unit).map(\.description)
        #expect(
            texts == [
                "the NAA designator was '36001405a000000000000000000000001' and is '36001405a000000000000000000000002'",
                "the serial number was 'ABC' and is 'XYZ'",
            ])
    }

    /// L02: what is compared is sets of designators, not one text.
    @Test func aDesignatorThatCameWithAFirmwareIsNoOtherUnit() async throws {
        let same = try await live(t10: "SANCTL  new designator")
        #expect(same.mismatches(with: unit).isEmpty)
        #expect(same.answers(to: "36001405a000000000000000000000001"))
        #expect(same.answers(to: "1SANCTL_new_designator"))
        #expect(same.answers(to: "SSANCTL_DISK_ABC"))
        #expect(!same.answers(to: "36001405a000000000000000000000002"))
    }

    /// L04: LIO makes one NAA name of serial numbers that begin alike.
    @Test func oneNameWithTwoSerialNumbersIsTwoUnits() async throws {
        #expect(try await live(serial: "ABD").mismatches(with: unit).map(\.what) == ["serial number"])
    }

    @Test func nothingInCommonIsAnotherUnit() async throws {
        let before = ["3600"]
        #expect(LiveIdentityTests.whats(before, ["1T10"]) == ["set of designators"])
        #expect(LiveIdentityTests.whats(before, []) == [])
        #expect(LiveIdentityTests.whats(["3600", "1A"], ["3600", "1B"]) == ["T10 designator"])
        #expect(LiveIdentityTests.whats(["3600", "3500"], ["3500", "2AA"]) == [])
    }

    private static func whats(_ before: [String], _ now: [String]) -> [String] {
        LiveIdentity.mismatches(before, now).map(\.what)
    }

    @Test func aUnitThatGrewIsTheSameOne() async throws {
        let grown = try await live(bytes: 2 << 20)
        #expect(grown.mismatches(with: unit).isEmpty)
        #expect(grown.grown(unit)?.description == "the size was '1048576' and is '2097152'")
        #expect(try await live().grown(unit) == nil)
    }

    /// One unit that hangs is that unit's problem: the others are asked and heard meanwhile, more of them than are asked at once.
    @Test func aUnitThatHangsKeepsNobodyWaiting() async throws {
        var units = [unit]
        for index in 2..<80 {
            let unit = try tree.addDisk("sd\(index)", "8:\(index)", at: "0:0:0:\(index)")
            units.append(unit)
            if index != 40 { try interview.answer(unit, naa: SCSIAnswer.naa(UInt8(index))) }
        }
        try interview.answer(unit, naa: SCSIAnswer.naa(1))
        let answers = await interview.ask(units, patience: .milliseconds(50), until: .after(.seconds(60)))
        #expect(answers.count == 79)
        #expect(interview.asked.count == 79)
        for (hctl, answer) in answers {
            switch answer {
            case .success(let identity): #expect(identity.wwid?.hasPrefix("36001405a") == true)
            case .failure(let error):
                #expect(error.code == .timedOut)
                #expect(hctl.description == "0:0:0:40")
            }
        }
    }

    /// A question to a unit that isn't running might hang for as long as its transport keeps commands.
    @Test func aUnitThatIsNotRunningIsNotAsked() async throws {
        let offline = try tree.addDisk("sdz", "65:0", at: "1:0:0:0", state: "transport-offline")
        let error = await #expect(throws: StorageError.self) {
            _ = try await UnitInterview().ask(offline, until: .after(.seconds(30)))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message == "1:0:0:0 isn't asked what it is, as the kernel says that it is transport-offline")
    }

    /// The node is a plain file in this tree: nobody may take it for the device.
    @Test func aNodeThatIsNoDeviceIsRefused() async throws {
        try tree.write("/dev/sda", "no device")
        let error = await #expect(throws: StorageError.self) {
            _ = try await UnitInterview().ask(unit, until: .after(.seconds(30)))
        }
        #expect(error?.code == .invalidState)
    }
}
