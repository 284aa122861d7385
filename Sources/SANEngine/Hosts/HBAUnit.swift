public import SANHost
public import SANModel

/// A logical unit of a host, as the kernel and udev have it.
public struct HBAUnit: Sendable, Hashable {
    public var unit: SCSIUnit
    /// Its link in `/dev/disk/by-path`; nil where udev gives it none.
    public var path: String?
    /// The multipath map that it is a path of.
    public var map: DeviceMapping?
    public var problems: [Problem]

    /// - Throws: `permission_denied`, `host_failure`.
    init(_ unit: SCSIUnit) throws(StorageError) {
        self.unit = unit
        let links = unit.udev?.links(in: UdevRecord.pathFolder) ?? []
        let expected = try unit.byPathName().map { "\(UdevRecord.pathFolder)/\($0)" }
        // A virtual port's disk also has the link that udev gives it as if it came through the HBA, and that may be the HBA's.
        path = links.first { $0 == expected } ?? links.first
        map = try unit.block?.multipathMap()
        problems = unit.problems.map { Problem($0) }
        if let problem = unit.readiness(links: links, expected: expected) { problems.append(Problem(problem)) }
    }
}

extension SCSIUnit {
    /// Why the unit can't be used as it is; nil where nothing speaks against it.
    fileprivate func readiness(links: [String], expected: String?) -> StorageError? {
        func unavailable(_ message: String) -> StorageError {
            StorageError(.unavailable, message, subject: .device(hctl.description))
        }
        guard isRunning || state == "created" else {
            return unavailable("The kernel says that \(hctl) is \(stateText)")
        }
        guard deviceType == .disk else { return nil }
        guard let block else { return unavailable("No driver has made a block device of \(hctl)") }
        guard udev?.isInitialized == true else {
            let missing = expected.map { "\($0.printable) isn't to be relied on" } ?? "its links may be missing"
            return unavailable("Udev hasn't finished with \(block.name) (\(hctl)): \(missing)")
        }
        guard let expected, !links.contains(expected) else { return nil }
        // Other versions of udev may name what this one knows in another way; our own names are our own.
        let isOurs = expected.contains("-vport-0x") || expected.contains("/port-0x")
        guard isOurs || links.isEmpty else { return nil }
        let remedy = isOurs ? ": are sanctl's udev rules installed ('make install')?" : ""
        return unavailable("Udev gives \(block.name) (\(hctl)) no link \(expected.printable)\(remedy)")
    }
}
