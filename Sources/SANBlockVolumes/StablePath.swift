import SANHost
import SANModel

/// The name of a device that stays the same, in the folder that the pool asks for: `/dev/disk/by-path/…`.
///
/// Taken from udev's record of this very device, so it can't be another device's link, and no folder is searched.
struct StablePath {
    /// The pool's target path, without a slash at its end.
    let folder: String

    /// - Throws: `invalid_argument` for a path outside `/dev`.
    init(_ path: String?) throws(StorageError) {
        var path = path ?? UdevRecord.pathFolder
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard path == UdevRecord.devices || path.hasPrefix("\(UdevRecord.devices)/"),
            !path.split(separator: "/").contains("..")
        else {
            throw StorageError(
                .invalidArgument,
                "The target path '\(path.printable)' isn't below \(UdevRecord.devices), where names of devices are: use \(UdevRecord.pathFolder)",
                subject: .path(path.printable))
        }
        folder = path
    }

    /// The device's path, and what is wrong with it.
    struct Choice {
        var path: String
        var problem: StorageError?
    }

    /// The first link, by its bytes, of those in the folder that udev gave the device and that lead to it.
    ///
    /// A virtual port's disk has a link of its own, `…-vport-0xWWPN-fc-…`, which is taken before any other: the plain one may be the physical
    /// port's. Without a link the path is the kernel's node, and that is a problem of the volume.
    func choose(_ device: BlockDevice, _ record: UdevRecord?) throws(StorageError) -> Choice {
        if folder == UdevRecord.devices { return Choice(path: device.node) }
        let links = record?.links(in: folder) ?? []
        var taken: String?
        // A virtual port's own link sorts behind the plain one, and may be one of two.
        let mayHaveOwn = folder == UdevRecord.pathFolder && links.count > 1
        for link in (mayHaveOwn ? links.filter { $0.contains("-vport-0x") } : []) + links {
            switch try holder(of: link, device) {
            case .device: return Choice(path: link)
            case .other(let name): taken = taken ?? "\(link.printable) leads to \(name.printable) now"
            case .nobody: break
            }
        }
        let reason =
            taken.map { "\($0): two devices want one link" }
            ?? (record?.isInitialized == true ? "udev gives it none" : "udev hasn't finished with it yet")
        return Choice(
            path: device.node,
            problem: StorageError(
                .unavailable,
                "\(device.name) has no link of its own in \(folder.printable): \(reason). Its path is the kernel's name, which changes",
                subject: .device(device.name)))
    }

    private enum Holder {
        case device, other(String), nobody
    }

    /// Which device a link leads to: two devices may claim one link, and the last one has it (L24, L25).
    private func holder(of link: String, _ device: BlockDevice) throws(StorageError) -> Holder {
        let slash = link.lastIndex(of: "/") ?? link.startIndex
        let parent = SysfsFolder(String(link[..<slash]), on: device.folder.host)
        guard let text = try parent.linkText(String(link[link.index(after: slash)...])) else { return .nobody }
        let node = HostPath.resolving(text, from: parent.path)
        return node == device.node ? .device : .other(node)
    }
}
