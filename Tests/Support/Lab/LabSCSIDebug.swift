import SystemPackage

/// SCSI hosts of the kernel's own making (`scsi_debug`), with any number of LUNs and errors to order.
public final class LabSCSIDebug: Sendable {
    private let lab: Lab
    private static let driver: FilePath = "/sys/bus/pseudo/drivers/scsi_debug"

    init(_ lab: Lab, options: [String: Int]) async throws {
        self.lab = lab
        guard !LabFile.exists(LabSCSIDebug.driver) else { throw LabFailure("scsi_debug is loaded already") }
        lab.atEnd("The hosts of scsi_debug") { [self] in try await remove() }
        let words = options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let result = try await lab.attempt("modprobe", ["scsi_debug"] + words)
        guard result.status == 0 else { throw LabFailure("modprobe scsi_debug \(words): \(result.diagnostics)") }
        try await lab.settle()
    }

    /// The SCSI hosts, as `host8`.
    public var hosts: [String] {
        LabFile.names(in: "/sys/bus/pseudo/devices").filter { $0.hasPrefix("adapter") }
            .flatMap { LabFile.names(in: FilePath("/sys/bus/pseudo/devices").appending($0)) }
            .filter { $0.hasPrefix("host") }
    }

    /// Sets an option of the running driver: `every_nth`, `opts`, `max_luns`, `ndelay`; `add_host` takes the number of hosts to add, a
    /// negative one removes the last.
    public func set(_ option: String, _ value: Int) async throws {
        try LabFile.set(LabSCSIDebug.driver.appending(option), "\(value)")
        try await lab.settle()
    }

    private func remove() async throws {
        try await lab.settle()
        // Whoever has a disk open, as udev has for a moment, keeps the module.
        try await lab.wait(for: "scsi_debug to be unloaded") {
            if !LabFile.exists(LabSCSIDebug.driver) { return true }
            return try await lab.attempt("modprobe", ["--remove", "scsi_debug"]).status == 0
        }
        try await lab.settle()
    }
}

extension Lab {
    /// SCSI hosts with options of the module `scsi_debug`: `max_luns`, `num_tgts`, `add_host`, `dev_size_mb`, `sector_size`,
    /// `vpd_use_hostno` (0: the same LUN of all hosts is one disk, as over several paths), `every_nth`, `opts`.
    ///
    /// All LUNs share one store of `dev_size_mb`: what is written to one is read from all.
    public func scsiDebug(_ options: [String: Int] = [:]) async throws -> LabSCSIDebug {
        try await LabSCSIDebug(self, options: options)
    }
}
