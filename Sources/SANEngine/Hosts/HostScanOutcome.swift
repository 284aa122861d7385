import SANHost
public import SANModel

/// What a scan of a host has changed.
public struct HostScanOutcome: Sendable, Hashable {
    public var host: HBAStatus
    /// Units that are there now and weren't before.
    public var came: [HBAUnit]
    /// Units that were there before and aren't now.
    public var went: [HBAUnit]
    /// Units whose target says that there is none any more, while the kernel keeps its device: one problem each.
    public var stale: [Problem] = []

    /// A unit at the same address that the kernel has made another device of has gone, and has come.
    init(host: HBAStatus, before: [HBAUnit], after: [HBAUnit]) {
        self.host = host
        let (old, new) = (Set(before.map(\.identity)), Set(after.map(\.identity)))
        came = after.filter { !old.contains($0.identity) }
        went = before.filter { !new.contains($0.identity) }
    }

    public var isChanged: Bool { !came.isEmpty || !went.isEmpty }
}

extension HBAUnit {
    fileprivate struct Identity: Hashable {
        var hctl: HCTL
        var wwid: String?
        var sequence: UInt64?
    }

    /// Which of all the units that ever were at its address it is (L07).
    fileprivate var identity: Identity {
        Identity(hctl: unit.hctl, wwid: unit.wwid, sequence: unit.block?.sequence)
    }
}
