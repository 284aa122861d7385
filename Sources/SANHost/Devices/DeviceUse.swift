import SANModel

/// Something that uses a block device, or what stands on it.
public struct DeviceUse: Sendable, Hashable, CustomStringConvertible {
    /// The device that is used: the one that was asked about, a partition of it, a map on it; by the kernel's name.
    public var device: String
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
        case mount(at: String)
        case swap
        /// A device-mapper device, a RAID, a cache.
        case holder(name: String)
        case loop(device: String)
        case process(command: String, id: Int32)
        /// A LIO target's backstore.
        case export(name: String)
        /// A file system that has several devices and no mount that names this one.
        case fileSystem(uuid: String)
    }

    public init(device: String, _ kind: Kind) {
        self.device = device
        self.kind = kind
    }

    /// As `mounted at /srv`, `held by vg0-root (dm-3)`, `open by qemu-system-x86 (pid 812)`.
    public var description: String {
        switch kind {
        case .mount(let path): "mounted at \(path.printable)"
        case .swap: "used as swap"
        case .holder(let name): name == device ? "held by \(name.printable)" : "held by \(name.printable) (\(device))"
        case .loop(let loop): "behind \(loop)"
        case .process(let command, let id): "open by \(command.printable) (pid \(id))"
        case .export(let name): "exported by the target as \(name.printable)"
        case .fileSystem(let uuid): "part of the btrfs file system \(uuid.printable)"
        }
    }

    /// What to do about it.
    fileprivate var remedy: String {
        switch kind {
        case .mount, .fileSystem: "unmount it"
        case .swap: "switch the swap off"
        case .holder: "take down what stands on it"
        case .loop: "detach the loop device"
        case .process: "stop the program or guest"
        case .export: "end the export"
        }
    }

    /// The error of who may not write a device because of these.
    ///
    /// - Parameters:
    ///   - device: by the kernel's name.
    ///   - title: as people know it, `unit:0:0:7 (dm-4)`; nil for the kernel's name.
    ///   - subject: what the error is about; nil for the device.
    public static func refusal(
        of device: String, called title: String? = nil, _ uses: [DeviceUse], subject: StorageError.Subject? = nil
    ) -> StorageError {
        var remedies: [String] = []
        for use in uses where !remedies.contains(use.remedy) { remedies.append(use.remedy) }
        let subject = subject ?? .device(device)
        let title = title ?? device
        guard !uses.isEmpty else {
            return StorageError(
                .busy,
                "\(title) is in use by the kernel, and nothing shows by whom: look with lsblk and dmsetup, and end that use",
                subject: subject)
        }
        let limit = 8
        var texts = uses.prefix(limit).map { use in
            if case .holder = use.kind { return use.description }
            return use.device == device ? use.description : "\(use.device) \(use.description)"
        }
        if uses.count > limit { texts.append("\(uses.count - limit) more uses") }
        return StorageError(
            .busy,
            "\(title) is in use: \(texts.joined(separator: ", ")); \(remedies.joined(separator: ", ")) first",
            subject: subject)
    }
}

extension [DeviceUse] {
    /// Whether there are uses, and all of them are open files, which may be closed soon.
    package var mayPass: Bool {
        !isEmpty
            && allSatisfy { use in
                if case .process = use.kind { return true }
                return false
            }
    }
}
