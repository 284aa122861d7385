import SANModel

/// What a unit says of itself now, when it is asked; what sysfs has is what it said when the kernel found it (L01, L08).
public struct LiveIdentity: Sendable, Hashable {
    public var inquiry: StandardInquiry
    /// Nil where the unit has no such page.
    public var identification: DeviceIdentification?
    public var serial: String?
    /// Nil for what isn't a disk, and for a disk that doesn't know READ CAPACITY(16).
    public var size: ReadCapacity?

    public init(
        inquiry: StandardInquiry, identification: DeviceIdentification? = nil, serial: String? = nil,
        size: ReadCapacity? = nil
    ) {
        self.inquiry = inquiry
        self.identification = identification
        self.serial = serial
        self.size = size
    }

    /// As ``SCSIUnit/wwid``.
    public var wwid: String? {
        identification?.identity ?? serial.map { inquiry.identity(serial: $0) }
    }

    /// Whether one of the names that the unit gives itself is this one, as `scsi_id` spells it.
    ///
    /// Which of several designators is the best is a matter of taste, and two programs may differ in it (L03).
    public func answers(to wwid: String) -> Bool {
        identification?.identities.name(wwid) == true || serial.map { inquiry.identity(serial: $0) } == wwid
    }

    /// Asks the unit behind an open device.
    ///
    /// Blocks; to be called on a thread of its own, as a unit that hangs may hold it for as long as its transport keeps commands.
    ///
    /// - Parameter timeout: for each of the four or five commands.
    /// - Throws: `not_found`, `unavailable`, `busy`, `timed_out`, `backend_failure` for an answer that is none, `host_failure`.
    package static func ask(
        _ device: OpenBlockDevice, unit: String, timeout: Duration
    ) throws(StorageError) -> LiveIdentity {
        func send(_ command: SCSICommand) throws(StorageError) -> [UInt8] {
            do throws(OpenBlockDevice.CommandFailure) {
                return try device.send(command, timeout: timeout)
            } catch {
                throw error.error(command, unit: unit)
            }
        }
        /// Nil where the unit doesn't know the command.
        func optional(_ command: SCSICommand) throws(StorageError) -> [UInt8]? {
            do throws(OpenBlockDevice.CommandFailure) {
                return try device.send(command, timeout: timeout)
            } catch {
                if error.isUnsupported { return nil }
                throw error.error(command, unit: unit)
            }
        }
        func page(_ page: UInt8) throws(StorageError) -> [UInt8]? {
            let first = VitalProductAllocation.initial
            let bytes = try optional(.vitalProductData(page: page, allocation: first))
            guard let needed = bytes.flatMap({ VitalProductAllocation.needed(after: $0, allocated: first) }) else {
                return bytes
            }
            return try optional(.vitalProductData(page: page, allocation: needed))
        }
        var identity = LiveIdentity(inquiry: try StandardInquiry(try send(.inquiry())))
        guard identity.inquiry.qualifier == 0 else {
            throw StorageError(
                .notFound, "\(unit) says that no unit is connected there any more", subject: .device(unit))
        }
        identity.identification = try page(DeviceIdentification.page).map { bytes throws(StorageError) in
            try DeviceIdentification(bytes)
        }
        identity.serial = try page(UnitSerialNumber.page).flatMap { bytes throws(StorageError) in
            try UnitSerialNumber(bytes).serial
        }
        guard identity.inquiry.deviceType == .disk else { return identity }
        identity.size = try optional(.readCapacity16).map { bytes throws(StorageError) in try ReadCapacity(bytes) }
        return identity
    }
}
