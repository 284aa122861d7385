/// Which files of sysfs a capture holds: those that are known to be harmless to read, and no secret.
///
/// A list of what is taken, never of what is left out: an iSCSI session has `password` beside `targetname`, and reading an HBA's firmware may
/// disturb it.
enum CapturedAttributes {
    /// How one file is taken.
    enum Kind: Sendable {
        /// A number, a state, a type: nothing in it is replaced.
        case plain
        /// A name, which may be replaced.
        case named
        case binary
        /// There is nothing to read.
        case writable
    }

    static func kind(of name: String) -> Kind? { kinds[name] }

    /// Links that are taken; in the folders `holders` and `slaves` all are.
    static let links: Set<String> = ["subsystem", "driver", "device"]

    /// Folders that lead to nothing of use, or to a great deal of it.
    static let omitted: Set<String> = [
        "power", "statistics", "mq", "trace", "integrity", "iosched", "bsg", "scsi_generic", "net", "msi_irqs",
        "wakeup",
    ]

    /// Classes of devices whose entries are taken; they are links into the hosts' folders.
    static let classes = [
        "scsi_host", "scsi_device", "scsi_disk", "fc_host", "fc_remote_ports", "fc_transport", "fc_vports",
        "iscsi_host",
        "iscsi_session", "iscsi_connection", "iscsi_endpoint", "sas_host", "sas_device", "sas_end_device",
        "sas_expander",
        "sas_port", "sas_phy", "spi_host", "spi_transport", "srp_host", "ata_port", "ata_link", "ata_device",
        "enclosure",
    ]

    private static let kinds: [String: Kind] = {
        let names: [(Kind, String)] = [
            // SCSI hosts, and what their transports say of them.
            (
                .plain,
                "unique_id proc_name state can_queue cmd_per_lun sg_tablesize host_busy active_mode supported_mode"
            ),
            (.plain, "nr_hw_queues use_blk_mq eh_deadline port_state port_type port_id roles scsi_target_id speed"),
            (
                .plain,
                "supported_speeds supported_classes tgtid_bind_type dev_loss_tmo fast_io_fail_tmo max_npiv_vports"
            ),
            (.plain, "npiv_vports_inuse vport_state vport_last_state vport_type port_no num_phys phy_identifier"),
            (.named, "port_name node_name fabric_name symbolic_name serial_number sas_address"),
            (.writable, "scan vport_create vport_delete issue_lip"),
            // iSCSI; never its user names and passwords.
            (.named, "targetname initiatorname ifacename persistent_address address ipaddress"),
            (.plain, "tpgt recovery_tmo persistent_port port abort_tmo lu_reset_tmo creator"),
            // Units, as the kernel read them.
            (.plain, "type vendor model rev scsi_level queue_depth timeout dh_state access_state preferred_path"),
            (.plain, "blacklist ieee1394_id provisioning_mode"),
            (.named, "wwid"),
            (.binary, "inquiry vpd_pg0 vpd_pg80 vpd_pg83 vpd_pg89 vpd_pgb0 vpd_pgb1 vpd_pgb2"),
            (.writable, "delete rescan"),
            // Block devices, their partitions and maps.
            (.plain, "dev size ro removable diskseq start partition ext_range logical_block_size physical_block_size"),
            (.plain, "minimum_io_size optimal_io_size rotational discard_granularity discard_max_bytes max_sectors_kb"),
            (.plain, "max_hw_sectors_kb write_zeroes_max_bytes nr_requests scheduler write_cache zoned hw_sector_size"),
            (.plain, "suspended"),
            (.named, "name uuid"),
        ]
        var kinds: [String: Kind] = [:]
        for (kind, words) in names {
            for word in words.split(separator: " ") { kinds[String(word)] = kind }
        }
        return kinds
    }()
}
