import ArgumentParser
import SANHost
import SANModel

/// The verb `vhba by-path DEVPATH`, for our udev rules only: the disk's name in `/dev/disk/by-path`.
struct VHBAByPath: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "by-path", abstract: "Print the by-path name of a Fibre Channel disk for udev.",
        shouldDisplay: false)

    @Argument(help: "The device's folder below /sys, as udev has it.")
    var device: String
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let host = HostRoot(try session.locations().hostRoot)
        let known = session.assembly.environment["ID_PATH"].flatMap { $0.isEmpty ? nil : $0 }
        guard let name = try FCDiskPath(device: device, on: host)?.name(idPath: known) else { return Report() }
        return Report(.lines("SANCTL_PATH=\(name)\n"))
    }
}
