public import SANModel

/// What is between a SCSI host and its targets, by the words of `lsblk`'s column `TRAN` where it has one.
public enum SCSITransport: String, Sendable, Hashable, CaseIterable {
    case fibreChannel = "fc"
    case iscsi, sas, ata, usb
    /// Parallel SCSI.
    case parallel = "spi"
    /// RDMA.
    case srp
    /// No transport class of the kernel's: virtio-scsi, RAID controllers, hypervisors.
    case none = "scsi"
}

extension SCSIHost {
    /// By the transport class that the driver has put the host in.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func transport() throws(StorageError) -> SCSITransport {
        let classes: [(String, SCSITransport)] = [
            ("fc_host", .fibreChannel), ("iscsi_host", .iscsi), ("sas_host", .sas), ("srp_host", .srp),
            ("spi_host", .parallel),
        ]
        for (name, transport) in classes where try folder[name]["host\(number)"].exists() { return transport }
        // libata and usb-storage have no class of hosts; their devices are above the host.
        let parts = folder.path.split(separator: "/")
        if parts.contains(where: { $0.hasPrefix("ata") && UInt64(decimal: $0.dropFirst(3)) != nil }) { return .ata }
        if parts.contains(where: { $0.hasPrefix("usb") && UInt64(decimal: $0.dropFirst(3)) != nil }) { return .usb }
        return .none
    }
}
