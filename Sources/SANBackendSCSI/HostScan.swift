import SANEngine
import SANHost
import SANModel

/// Looks for new units behind one host, and behind no other.
struct HostScan: Sendable {
    let control: any HBAControl

    /// Scans; one at a time for each host.
    ///
    /// A Fibre Channel host is asked for the targets that are there, each by its number, and never for a loop initialisation (L17, L18, L19);
    /// another host for all of them, `- - -`.
    ///
    /// A scan that the driver doesn't end by the deadline goes on, and keeps the host's lock.
    ///
    /// - Throws: `timed_out`, `busy`, `cancelled`, `permission_denied`, `host_failure`.
    func run(
        on scsiHost: SCSIHost, coordinator: HostCoordinator, until deadline: Deadline
    ) async throws(StorageError) {
        let lock = try await coordinator.hold(.scsiHost(scsiHost.number), for: "scan", until: deadline)
        let control = control
        try await withBlockingThread(
            named: "san-scan", until: deadline, waitingFor: "the scan of \(scsiHost.name), which goes on"
        ) { () throws(StorageError) in
            defer { lock.release() }
            let host = scsiHost.folder.host
            guard try FCHost(number: scsiHost.number, on: host) != nil else {
                return try control.scan(scsiHost, channel: nil, target: nil)
            }
            for port in try FCRemotePort.all(ofHost: scsiHost.number, on: host) where port.isReady {
                try control.scan(scsiHost, channel: port.channel, target: port.targetID)
            }
        }
    }
}
