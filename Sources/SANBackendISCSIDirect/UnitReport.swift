import SANHost
import SANModel

/// What a unit said of itself.
struct UnitReport: Sendable {
    let lun: LogicalUnitNumber
    var inquiry: StandardInquiry?
    var identification: DeviceIdentification?
    var serial: String?
    var capacity: ReadCapacity?
    var limits = BlockLimits.unknown
    var provisioning = LogicalBlockProvisioning.none
    /// The reasons among ``problems`` that it gave itself.
    var refusals: Set<SenseData> = []
    /// What it didn't say, or said wrongly.
    var problems: [StorageError] = []

    init(lun: LogicalUnitNumber) {
        self.lun = lun
    }

    /// From page 0x83, else from vendor, product and serial number; nil where it has neither.
    var identity: String? {
        if let identity = identification?.identity { return identity }
        return serial.flatMap { serial in inquiry?.identity(serial: serial) }
    }

    /// The unit as the inventory shows it.
    ///
    /// - Parameter portal: the way that it was asked.
    func logicalUnit(portal: String) -> LogicalUnit {
        var unit = LogicalUnit(lun: lun, deviceType: inquiry?.deviceType ?? .other)
        unit.wwid = identity
        unit.serial = serial
        unit.vendor = inquiry?.vendor
        unit.product = inquiry?.product
        unit.revision = inquiry?.revision
        unit.transport = "iscsi"
        unit.blockSize = capacity?.blockSize
        unit.paths = [
            LogicalUnit.Path(state: problems.isEmpty ? "running" : "offline", portal: portal)
        ]
        return unit
    }
}
