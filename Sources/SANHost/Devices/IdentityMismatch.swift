import SANModel

/// Something that a unit says of itself otherwise than it did before.
public struct IdentityMismatch: Sendable, Hashable, CustomStringConvertible {
    /// `NAA designator`, `serial number`, `size`.
    public var what: String
    public var before: String
    public var now: String

    /// As `the NAA designator was '3600…1' and is '3600…2'`.
    public var description: String { "the \(what) was '\(before.printable)' and is '\(now.printable)'" }
}

extension LiveIdentity {
    /// What of the identity that the kernel read when it found the unit no longer holds.
    ///
    /// Designators are compared as sets, kind by kind (L02): one that came or went with a firmware is no other unit, but of each kind that both
    /// have one must be common. The size is compared apart, in ``grown(_:)``: a unit may grow.
    public func mismatches(with unit: SCSIUnit) -> [IdentityMismatch] {
        var mismatches: [IdentityMismatch] = []
        func compare(_ what: String, _ before: String?, _ now: String?) {
            guard let before, let now, before != now else { return }
            mismatches.append(IdentityMismatch(what: what, before: before, now: now))
        }
        mismatches += LiveIdentity.mismatches(unit.identification?.identities ?? [], identification?.identities ?? [])
        compare("serial number", unit.serial, serial)
        compare("device type", unit.deviceType?.rawValue, inquiry.deviceType.rawValue)
        compare("vendor", unit.inquiry?.vendor, inquiry.vendor)
        compare("product", unit.inquiry?.product, inquiry.product)
        return mismatches
    }

    /// The size by the kernel and by the unit, where they differ.
    public func grown(_ unit: SCSIUnit) -> IdentityMismatch? {
        guard let before = unit.block?.capacity, let now = size?.capacity, before != now else { return nil }
        return IdentityMismatch(what: "size", before: "\(before)", now: "\(now)")
    }

    /// Sets of designators as `scsi_id` spells them, with their kind in the first character.
    package static func mismatches(_ before: [String], _ now: [String]) -> [IdentityMismatch] {
        guard !before.isEmpty, !now.isEmpty else { return [] }
        let old = Dictionary(grouping: before) { $0.first ?? " " }
        let new = Dictionary(grouping: now) { $0.first ?? " " }
        let common = old.keys.filter { new[$0] != nil }.sorted()
        guard !common.isEmpty else {
            return [
                IdentityMismatch(
                    what: "set of designators", before: before.joined(separator: ", "),
                    now: now.joined(separator: ", "))
            ]
        }
        return common.compactMap { kind in
            guard let old = old[kind], let new = new[kind], Set(old).isDisjoint(with: new) else { return nil }
            return IdentityMismatch(
                what: name(ofKind: kind), before: old.joined(separator: ", "), now: new.joined(separator: ", "))
        }
    }

    private static func name(ofKind kind: Character) -> String {
        switch kind {
        case "1": "T10 designator"
        case "2": "EUI-64 designator"
        case "3": "NAA designator"
        case "8": "SCSI name"
        default: "designator"
        }
    }
}
