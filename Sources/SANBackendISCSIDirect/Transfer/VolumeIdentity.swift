import SANModel

/// Whether a LUN is still the unit that was listed (L01): its number says nothing, an array may have given it to another unit.
enum VolumeIdentity {
    /// Compares what was listed with what the unit says now.
    ///
    /// The WWID (from VPD page 0x83, else from the serial number) must be the same, and so must the size and the block size. Two units
    /// without any identity are taken for the same where type, vendor, product, size and block size are: there is nothing else to tell them
    /// apart by, and refusing them would leave such targets without writing.
    ///
    /// - Throws: `invalid_state` for another unit; the unit's own problem where it doesn't say what it is.
    static func check(_ listed: Volume, against live: UnitReport) throws(StorageError) {
        if let problem = live.problems.first { throw problem.about(.volume, listed.name) }
        guard let unit = listed.unit else {
            throw StorageError(
                .invalidArgument, "'\(listed.name.printable)' was listed without its unit: refresh the pool")
        }
        try compare("WWID", unit.wwid, live.identity, of: listed)
        if unit.wwid == nil { try compare("serial number", unit.serial, live.serial, of: listed) }
        try compare("type", unit.deviceType.rawValue, live.inquiry?.deviceType.rawValue, of: listed)
        try compare("size", listed.definition.capacity?.description, live.capacity?.capacity.description, of: listed)
        try compare("block size", unit.blockSize?.description, live.capacity?.blockSize.description, of: listed)
        if unit.wwid == nil {
            try compare("vendor", unit.vendor, live.inquiry?.vendor, of: listed)
            try compare("product", unit.product, live.inquiry?.product, of: listed)
        }
    }

    private static func compare(
        _ what: String, _ listed: String?, _ live: String?, of volume: Volume
    ) throws(StorageError) {
        guard listed != live else { return }
        throw StorageError(
            .invalidState,
            "'\(volume.name.printable)' isn't the unit that was listed: its \(what) was \(text(listed)) and is \(text(live)); "
                + "refresh the pool and look again",
            subject: .volume(volume.name.printable))
    }

    private static func text(_ value: String?) -> String { value.map { "'\($0.printable)'" } ?? "unknown" }
}
