import SANHost
import SANModel

/// Whether a unit is still what the kernel has it for, and what was listed (L01).
enum ListedIdentity {
    /// What is wrong with the kernel's idea of a unit, by what the unit says itself; nil where nothing is.
    static func staleness(_ unit: SCSIUnit, _ live: LiveIdentity) -> StorageError? {
        let name = unit.block?.name ?? unit.hctl.description
        let subject = StorageError.Subject.device(unit.hctl.description)
        let mismatches = live.mismatches(with: unit)
        guard mismatches.isEmpty else {
            return StorageError(
                .invalidState,
                "\(unit.hctl) (\(name)) is another unit than the kernel's data of it say: "
                    + mismatches.map(\.description).joined(separator: ", ")
                    + "; delete the stale device (echo 1 > /sys/block/\(name)/device/delete) and scan its host again",
                subject: subject)
        }
        guard let size = live.grown(unit) else { return nil }
        return StorageError(
            .invalidState,
            "The kernel has an old size of \(unit.hctl) (\(name)): \(size.description); "
                + "have it look again (echo 1 > /sys/block/\(name)/device/rescan)",
            subject: subject)
    }

    /// Compares what was listed of a volume with a unit as it is now.
    ///
    /// - Throws: `invalid_state` for another unit.
    static func check(_ listed: Volume, _ unit: SCSIUnit, _ live: LiveIdentity) throws(StorageError) {
        if let error = staleness(unit, live) { throw error }
        guard let known = listed.unit else {
            throw StorageError(
                .invalidArgument, "'\(listed.name.printable)' was listed without its unit: refresh the pool")
        }
        if let wwid = known.wwid {
            if !live.answers(to: wwid) { throw differs(listed, "WWID", wwid, live.wwid) }
        } else {
            // There is nothing else to tell such units apart by.
            try compare(listed, "WWID", nil, live.wwid)
            try compare(listed, "vendor", known.vendor, live.inquiry.vendor)
            try compare(listed, "product", known.product, live.inquiry.product)
        }
        if let serial = known.serial { try compare(listed, "serial number", serial, live.serial) }
        try compare(listed, "type", known.deviceType.rawValue, live.inquiry.deviceType.rawValue)
        try checkSize(listed, unit.block?.capacity, unit.block?.logicalBlockSize)
    }

    /// - Throws: `invalid_state` for another size.
    static func checkSize(_ listed: Volume, _ capacity: ByteCount?, _ blockSize: UInt32?) throws(StorageError) {
        try compare(listed, "size", listed.definition.capacity?.description, capacity?.description)
        guard let known = listed.unit?.blockSize else { return }
        try compare(listed, "block size", "\(known)", blockSize?.description)
    }

    static func compare(_ listed: Volume, _ what: String, _ before: String?, _ now: String?) throws(StorageError) {
        if before != now { throw differs(listed, what, before, now) }
    }

    private static func differs(_ volume: Volume, _ what: String, _ before: String?, _ now: String?) -> StorageError {
        func text(_ value: String?) -> String { value.map { "'\($0.printable)'" } ?? "unknown" }
        return StorageError(
            .invalidState,
            "'\(volume.name.printable)' isn't the unit that was listed: its \(what) was \(text(before)) and is \(text(now)); "
                + "refresh the pool and look again",
            subject: .volume(volume.name.printable))
    }
}
