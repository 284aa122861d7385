public import SANHost
public import SANModel
import Synchronization

/// Units that answer what a test says; one that has no answer never answers.
public final class ScriptedInterview: UnitInterviewing {
    private struct State {
        var answers: [HCTL: Result<LiveIdentity, StorageError>] = [:]
        var asked: [HCTL] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// What was asked, in order.
    public var asked: [HCTL] { state.withLock { $0.asked } }

    public func answer(_ unit: SCSIUnit, _ answer: Result<LiveIdentity, StorageError>) {
        state.withLock { $0.answers[unit.hctl] = answer }
    }

    /// Has a unit answer with these bytes.
    public func answer(
        _ unit: SCSIUnit, naa: [UInt8]? = nil, t10: String? = nil, serial: String? = nil, bytes: UInt64 = 1 << 20,
        vendor: String = "SANCTL", product: String = "DISK"
    ) throws {
        let identity = LiveIdentity(
            inquiry: try StandardInquiry(SCSIAnswer.inquiry(vendor: vendor, product: product)),
            identification: try naa.map { try DeviceIdentification(SCSIAnswer.page83(naa: $0, t10: t10)) },
            serial: serial, size: try ReadCapacity(SCSIAnswer.capacity(bytes: bytes)))
        answer(unit, .success(identity))
    }

    public func ask(_ unit: SCSIUnit, until deadline: Deadline) async throws(StorageError) -> LiveIdentity {
        let answer = state.withLock { state in
            state.asked.append(unit.hctl)
            return state.answers[unit.hctl]
        }
        if let answer { return try answer.get() }
        do {
            try await Task.sleep(until: deadline.instant, clock: .continuous)
        } catch {
            throw StorageError(.cancelled, "Cancelled while waiting for an answer of \(unit.hctl)")
        }
        throw StorageError(.timedOut, "Waited in vain for an answer of \(unit.hctl)")
    }

    /// All at once.
    public func ask(
        _ units: [SCSIUnit], patience: Duration, until deadline: Deadline
    ) async -> [HCTL: Result<LiveIdentity, StorageError>] {
        await withTaskGroup(of: (HCTL, Result<LiveIdentity, StorageError>).self) { group in
            for unit in units {
                group.addTask { [self] in
                    do throws(StorageError) {
                        return (unit.hctl, .success(try await ask(unit, until: min(deadline, .after(patience)))))
                    } catch {
                        return (unit.hctl, .failure(error))
                    }
                }
            }
            return await group.reduce(into: [:]) { answers, answer in answers[answer.0] = answer.1 }
        }
    }
}
