public import SANModel

/// INQUIRY's standard data (SPC-5, 6.7.2).
public struct StandardInquiry: Sendable, Hashable {
    /// 0 where a device is connected, 1 where one could be, 3 where none can.
    public let qualifier: UInt8
    public let deviceType: SCSIDeviceType
    public let vendor: String?
    public let product: String?
    public let revision: String?
    /// The vendor and product fields as `scsi_id` prepends them to a serial number.
    let vendorAndProduct: String

    /// - Throws: `backend_failure` for fewer than 36 bytes.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let reader = PayloadReader(bytes: bytes, what: "INQUIRY data")
        let first = try reader.byte(at: 0)
        _ = try reader.integer(at: 32, bytes: 4)
        qualifier = first >> 5
        deviceType = SCSIDeviceType(code: first)
        vendor = SCSIText.trimmed(bytes[8..<16])
        product = SCSIText.trimmed(bytes[16..<32])
        revision = SCSIText.trimmed(bytes[32..<36])
        vendorAndProduct = [vendor, product].compactMap(\.self).joined(separator: " ")
    }

    /// Whether the unit is a disk that is there.
    public var isDisk: Bool { qualifier == 0 && deviceType == .disk }

    /// The identity of a unit that has nothing better than a serial number, as `scsi_id` spells it: `SVENDOR_PRODUCT_SERIAL`.
    public func identity(serial: String) -> String {
        "S" + SCSIText.identifier(vendorAndProduct + " " + serial)
    }
}
