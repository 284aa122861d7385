public import SANHost
public import SANModel

/// Looks for new units behind one host, and behind no other.
public struct HostScan: Sendable {
    private let control: any HBAControl

    public init(control: any HBAControl) {
        self.control = control
    }

    /// What of a host is scanned; nil for all of a kind.
    public struct Scope: Sendable, Hashable {
        public var channel: UInt32?
        public var target: UInt32?
        public var lun: LogicalUnitNumber?

        public init(channel: UInt32? = nil, target: UInt32? = nil, lun: LogicalUnitNumber? = nil) {
            self.channel = channel
            self.target = target
            self.lun = lun
        }

        func includes(_ port: FCRemotePort) -> Bool {
            (channel == nil || channel == port.channel) && (target == nil || target == port.targetID)
        }

        func includes(_ address: HCTL) -> Bool {
            (channel == nil || channel == address.channel) && (target == nil || target == address.target)
                && (lun == nil || lun == address.lun)
        }
    }

    /// Scans; one at a time for each host.
    ///
    /// A Fibre Channel host is asked for the targets that are there, each by its number, and never for a loop initialisation (L17, L18, L19);
    /// another host for all of them, `- - -`.
    ///
    /// A scan that the driver doesn't end by the deadline goes on, and keeps the host's lock.
    ///
    /// - Throws: `timed_out`, `busy`, `cancelled`, `not_found`, `permission_denied`, `host_failure`.
    public func run(
        on scsiHost: SCSIHost, _ scope: Scope = Scope(), coordinator: HostCoordinator, until deadline: Deadline
    ) async throws(StorageError) {
        let lock = try await coordinator.hold(.scsiHost(scsiHost.number), for: "scan", until: deadline)
        let control = control
        try await withBlockingThread(
            named: "san-scan", until: deadline, waitingFor: "the scan of \(scsiHost.name), which goes on"
        ) { () throws(StorageError) in
            defer { lock.release() }
            let host = scsiHost.folder.host
            guard try FCHost(number: scsiHost.number, on: host) != nil else {
                return try control.scan(scsiHost, channel: scope.channel, target: scope.target, lun: scope.lun)
            }
            for port in try FCRemotePort.all(ofHost: scsiHost.number, on: host)
            where port.isReady && scope.includes(port) {
                try control.scan(scsiHost, channel: port.channel, target: port.targetID, lun: scope.lun)
            }
        }
    }
}
