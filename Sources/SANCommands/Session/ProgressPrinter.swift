import SANEngine
import SANModel
import Synchronization

/// Shows how far a transfer is: a bar on a terminal, or JSON lines `{"version":1,"done":…,"total":…}`, on standard error.
final class ProgressPrinter: ProgressReporting {
    private struct State {
        var done: ByteCount = 0
        var total: ByteCount?
        var shown: (moment: ContinuousClock.Instant, done: ByteCount)?
        var isFinished = false
    }

    private enum Form {
        case none, bar, json
    }

    private let form: Form
    private let console: Console
    private let label: String
    private let begin = ContinuousClock.now
    private let state = Mutex(State())

    init(_ style: ProgressStyle, _ session: Session, label: String) {
        console = session.console
        self.label = label
        switch style {
        case .json: form = .json
        case .auto where session.console.isDiagnosticsTerminal && !session.options.isQuiet: form = .bar
        case .auto, .none: form = .none
        }
    }

    /// Bytes that are safe, as far as was told.
    var done: ByteCount { state.withLock { $0.done } }

    func report(done: ByteCount, total: ByteCount?) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.done = done
            state.total = total
            guard form != .none, !state.isFinished else { return }
            // Ten times a second is as much as people and logs can use.
            if let shown = state.shown, now - shown.moment < .milliseconds(100) { return }
            state.shown = (now, done)
            show(state)
        }
    }

    /// Shows the last figures and ends the bar's line; does nothing the second time.
    func finish() {
        state.withLock { state in
            guard form != .none, !state.isFinished else { return }
            state.isFinished = true
            guard let shown = state.shown else { return }
            if shown.done != state.done { show(state) }
            if form == .bar { console.report("\n") }
        }
    }

    private func show(_ state: State) {
        switch form {
        case .none: break
        case .json:
            var object: JSONObject = ["version": 1, "done": .number(state.done.bytes)]
            object["total"] = .optional(state.total)
            console.report(JSONWriter.text(of: .object(object), compact: true) + "\n")
        case .bar: console.report("\r\u{1B}[K" + bar(state))
        }
    }

    /// A line such as `Uploading [#######-------]  50% 512M of 1G, 98M/s`.
    private func bar(_ state: State) -> String {
        let elapsed = (ContinuousClock.now - begin) / .milliseconds(1)
        // A sparse transfer of exabytes in no time must not leave the range.
        let perSecond = min(Double(state.done.bytes) / max(elapsed, 1) * 1_000, 0x1p62)
        let rate = ByteCount(UInt64(perSecond)).human + "/s"
        guard let total = state.total, total.bytes > 0 else { return "\(label) \(state.done.human), \(rate)" }
        let share = min(1, Double(state.done.bytes) / Double(total.bytes))
        let filled = Int(share * 30)
        let picture = String(repeating: "#", count: filled) + String(repeating: "-", count: 30 - filled)
        let percent = String(Int(share * 100)).padded(to: 3, right: true)
        return "\(label) [\(picture)] \(percent)% \(state.done.human) of \(total.human), \(rate)"
    }
}
