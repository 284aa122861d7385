import SANHost
import SANModel

/// Finds units that can't all be what they say: two LUNs with one WWID (L04, L10).
///
/// The same LUN over several ports or sessions is one unit with several paths. Two LUN numbers that one port gives one initiator are two units,
/// and so are two sizes or two makers.
enum SharedIdentity {
    /// What is wrong with each unit whose WWID is another unit's too.
    ///
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read.
    static func conflicts(among units: [SCSIUnit]) throws(StorageError) -> [HCTL: StorageError] {
        var conflicts: [HCTL: StorageError] = [:]
        let known = units.compactMap { unit in unit.wwid.map { (wwid: $0, unit: unit) } }
        for (wwid, members) in Dictionary(grouping: known, by: \.wwid) where members.count > 1 {
            let units = members.map(\.unit).sorted { $0.hctl < $1.hctl }
            guard let reason = try reason(units) else { continue }
            let names = units.map(\.hctl.description).joined(separator: ", ")
            for unit in units {
                conflicts[unit.hctl] = StorageError(
                    .invalidState,
                    "\(names) have one WWID, \(wwid.printable), and \(reason): give each LUN a serial number of its own on the storage",
                    subject: .device(unit.hctl.description))
            }
        }
        return conflicts
    }

    /// What a LUN number means something within (SAM's I_T nexus).
    private struct Nexus: Hashable {
        var initiator: String?
        var port: String
    }

    /// Why units with one WWID aren't paths to one unit; nil where they may be.
    private static func reason(_ units: [SCSIUnit]) throws(StorageError) -> String? {
        var luns: [Nexus: LogicalUnitNumber] = [:]
        for unit in units {
            let nexus = Nexus(initiator: try unit.initiatorIdentity(), port: try unit.portIdentity())
            if let other = luns[nexus], other != unit.hctl.lun {
                return "are LUNs \(other) and \(unit.hctl.lun) of one port"
            }
            luns[nexus] = unit.hctl.lun
        }
        if Set(units.map { $0.inquiry?.vendor }).count > 1 { return "differ in their vendor" }
        if Set(units.map { $0.inquiry?.product }).count > 1 { return "differ in their product" }
        // A path that can't be read has no size.
        let sizes = Set(units.compactMap { $0.block?.capacity }.filter { $0.bytes > 0 })
        return sizes.count > 1 ? "differ in their size" : nil
    }
}
