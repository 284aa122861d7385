import SANBlockVolumes
import SANHost
import SANModel

/// A way to a LUN: the kernel's unit of it, and the session that it goes through.
struct UnitPath: Sendable {
    let unit: SCSIUnit
    let session: ISCSISession

    /// One volume for each LUN, with all its paths (design: a LUN with several paths is one volume).
    ///
    /// Paths are of one LUN where its number and its identity agree. Where a number means different LUNs through different portals, each is a
    /// volume of its own, with that problem; all but the first have the portal in their names.
    ///
    /// - Parameter problems: what is wrong with units, besides what sysfs tells.
    static func volumes(
        of paths: [UnitPath], _ problems: [HCTL: [StorageError]], with volumes: BlockVolumes
    ) throws(StorageError) -> [Volume] {
        let byNumber = Dictionary(grouping: paths) { $0.unit.hctl.unitName }
        var result: [Volume] = []
        for (_, sameNumber) in byNumber.sorted(by: { NumberOrder($0.value) < NumberOrder($1.value) }) {
            let groups = Dictionary(grouping: sameNumber) { $0.unit.wwid ?? "" }
                .sorted { $0.value[0].session.identifier < $1.value[0].session.identifier }
            for (index, group) in groups.enumerated() {
                guard var volume = try volume(of: group.value, problems, with: volumes) else { continue }
                if groups.count > 1 {
                    volume.problems.append(ambiguity(of: volume, groups.map(\.value)))
                    if index > 0 { volume.definition.name += ":" + portalText(group.value[0]) }
                }
                result.append(volume)
            }
        }
        return result
    }

    /// The volume of a LUN: from the first of its paths that is up; its path is that of its multipath map where it has one.
    private static func volume(
        of paths: [UnitPath], _ problems: [HCTL: [StorageError]], with volumes: BlockVolumes
    ) throws(StorageError) -> Volume? {
        let sorted = paths.sorted { (portalText($0), $0.unit.hctl) < (portalText($1), $1.unit.hctl) }
        guard let best = sorted.first(where: { $0.isUp }) ?? sorted.first,
            var volume = try volumes.volumes(of: [best.unit]).first
        else { return nil }
        var map: DeviceMapping?
        var links: (path: [String], identity: [String]) = ([], [])
        var described: [LogicalUnit.Path] = []
        for path in sorted {
            let logical = try volumes.logicalUnit(path.unit)
            links.path += logical.linksByPath
            links.identity += logical.linksByID
            if map == nil { map = try path.unit.block?.multipathMap() }
            described.append(
                LogicalUnit.Path(
                    device: path.unit.block?.name, state: path.state, portal: portalText(path),
                    hctl: path.unit.hctl.description))
        }
        volume.unit?.transport = "iscsi"
        volume.unit?.paths = described
        volume.unit?.linksByPath = Set(links.path).sorted()
        volume.unit?.linksByID = Set(links.identity).sorted()
        if let map {
            volume.unit?.multipath = map.path
            volume.definition.target.path = map.path
            // The map's path is what counts: that one of its paths has no link of its own is no problem then.
            volume.problems.removeAll { $0.code == .unavailable && $0.subject.values[.device] == best.unit.block?.name }
        }
        let name = volume.name
        for error in sorted.flatMap({ problems[$0.unit.hctl, default: []] }) {
            let problem = Problem(error.about(.volume, name))
            if !volume.problems.contains(problem) { volume.problems.append(problem) }
        }
        let down = sorted.filter { !$0.isUp }
        if !down.isEmpty, down.count < sorted.count {
            let names = down.map { "\($0.unit.hctl) through \(portalText($0)) is \(($0.state ?? "gone").printable)" }
            volume.problems.append(
                Problem(
                    StorageError(
                        .unavailable,
                        "\(sorted.count - down.count) of \(sorted.count) paths are up: \(names.joined(separator: ", "))",
                        subject: .volume(name))))
        }
        return volume
    }

    /// The session's state where that is what keeps the unit from working.
    private var state: String? { session.isLoggedIn ? unit.state : session.state?.lowercased() }

    private var isUp: Bool { session.isLoggedIn && unit.state == "running" && unit.block != nil }

    private static func portalText(_ path: UnitPath) -> String {
        path.session.portal?.description ?? "session \(path.session.identifier)"
    }

    private static func ambiguity(of volume: Volume, _ groups: [[UnitPath]]) -> Problem {
        let ways = groups.compactMap(\.first).map { "\($0.unit.wwid ?? "no WWID") through \(portalText($0))" }
        return Problem(
            StorageError(
                .invalidState,
                "The number of this LUN means different ones through different portals: \(ways.joined(separator: ", "))",
                subject: .volume(volume.name)))
    }

    /// Volumes in the order of their LUNs.
    private struct NumberOrder: Comparable {
        let hctl: HCTL?

        init(_ paths: [UnitPath]) {
            hctl = paths.first?.unit.hctl
        }

        static func < (left: NumberOrder, right: NumberOrder) -> Bool {
            guard let l = left.hctl, let r = right.hctl else { return left.hctl == nil && right.hctl != nil }
            return (l.channel, l.target, l.lun) < (r.channel, r.target, r.lun)
        }
    }
}
