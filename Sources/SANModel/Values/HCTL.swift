/// Where the kernel has a SCSI device: `HOST:CHANNEL:TARGET:LUN`, as in `/sys/bus/scsi/devices/0:0:1:3`.
///
/// A label: the kernel gives host numbers anew at each boot.
public struct HCTL: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let host: UInt32
    public let channel: UInt32
    public let target: UInt32
    public let lun: LogicalUnitNumber

    public init(host: UInt32, channel: UInt32, target: UInt32, lun: LogicalUnitNumber) {
        self.host = host
        self.channel = channel
        self.target = target
        self.lun = lun
    }

    /// - Returns: nil for anything but four decimal numbers with colons between them.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let host = UInt64(decimal: parts[0]).flatMap(UInt32.init(exactly:)),
            let channel = UInt64(decimal: parts[1]).flatMap(UInt32.init(exactly:)),
            let target = UInt64(decimal: parts[2]).flatMap(UInt32.init(exactly:)), let lun = UInt64(decimal: parts[3])
        else { return nil }
        self.init(host: host, channel: channel, target: target, lun: LogicalUnitNumber(kernel: lun))
    }

    /// As the kernel, `lsscsi` and `lsblk` print it.
    public var description: String { "\(host):\(channel):\(target):\(lun.kernel)" }

    /// libvirt's name of the unit, `unit:CHANNEL:TARGET:LUN`: without the host, so that it doesn't change with the host's number.
    public var unitName: String { "unit:\(channel):\(target):\(lun.kernel)" }

    public static func < (left: HCTL, right: HCTL) -> Bool {
        (left.host, left.channel, left.target, left.lun) < (right.host, right.channel, right.target, right.lun)
    }
}
