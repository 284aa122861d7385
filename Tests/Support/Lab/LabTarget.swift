import SystemPackage

/// An iSCSI target of the kernel (LIO), with portals on the guest's own addresses: 10.99.0.1 to .4, fd99::1, fd99::2.
public final class LabTarget: Sendable {
    public let iqn: String
    /// The initiators that may log in; everybody may where there is none.
    public let initiators: [String]
    private let lab: Lab
    private let group: FilePath

    init(_ lab: Lab, _ iqn: String, portals: [String], initiators: [String]) async throws {
        try await lab.load("target_core_mod", "iscsi_target_mod")
        self.lab = lab
        self.iqn = iqn
        self.initiators = initiators
        group = LabTarget.root.appending(iqn).appending("tpgt_1")
        try LabFile.makeFolder(LabTarget.root)
        try LabFile.makeFolder(group)
        lab.atEnd("The target \(iqn)") { [self] in try remove() }
        for portal in portals { try addPortal(portal) }
        try set("authentication", "0")
        try set("generate_node_acls", initiators.isEmpty ? "1" : "0")
        try set("demo_mode_write_protect", "0")
        for initiator in initiators { try LabFile.makeFolder(acl(initiator)) }
        try enable()
    }

    private static var root: FilePath { LabPath.target.appending("iscsi") }

    /// Answers logins again.
    public func enable() throws { try LabFile.set(group.appending("enable"), "1") }

    /// Ends every session and refuses logins; the portals still answer.
    public func disable() throws { try LabFile.set(group.appending("enable"), "0") }

    // MARK: Portals

    /// Listens on an address of the guest: `10.99.0.2:3260`, `[fd99::1]:3260`.
    public func addPortal(_ portal: String) throws {
        try LabFile.makeFolder(group.appending("np").appending(portal))
    }

    /// Listens there no more: connections are refused.
    public func removePortal(_ portal: String) throws {
        try LabFile.removeConfiguration(group.appending("np").appending(portal))
    }

    // MARK: LUNs

    /// Gives a disk to the initiators.
    ///
    /// - Parameter isReadOnly: only for a target that names its initiators: LIO keeps this by initiator.
    public func addLUN(_ number: Int, _ disk: LabDisk, isReadOnly: Bool = false) throws {
        guard !isReadOnly || !initiators.isEmpty else {
            throw LabFailure("Only a target that names its initiators can have a LUN that is read-only")
        }
        let lun = lun(number)
        try LabFile.makeFolder(lun)
        try LabFile.link(lun.appending("disk"), to: disk.configuration)
        for initiator in initiators {
            let mapped = acl(initiator).appending("lun_\(number)")
            try LabFile.makeFolder(mapped)
            try LabFile.link(mapped.appending("lun"), to: lun)
            if isReadOnly { try LabFile.set(mapped.appending("write_protect"), "1") }
        }
    }

    /// A LUN on a new disk.
    @discardableResult
    public func addLUN(
        _ number: Int, size: UInt64 = 64 << 20, serial: String? = nil, blockSize: Int = 512, isReadOnly: Bool = false,
        attributes: [String: String] = [:]
    ) async throws -> LabDisk {
        let disk = try await lab.disk(size: size, serial: serial, blockSize: blockSize, attributes: attributes)
        // Whatever is made last goes first: the LUN has to be gone before its disk.
        lab.atEnd("LUN \(number) of \(iqn)") { [self] in try removeLUN(number) }
        try addLUN(number, disk, isReadOnly: isReadOnly)
        return disk
    }

    /// Takes a LUN away while initiators may use it; one that isn't there is fine.
    public func removeLUN(_ number: Int) throws {
        for initiator in initiators { try LabFile.removeConfiguration(acl(initiator).appending("lun_\(number)")) }
        try LabFile.removeConfiguration(lun(number))
    }

    // MARK: CHAP

    /// Lets in only who knows the password; with `mutual` the target proves itself too.
    public func requireCHAP(_ user: String, _ password: String, mutual: (user: String, password: String)? = nil) throws
    {
        for folder in [group] + initiators.map(acl) {
            let folder = folder.appending("auth")
            try LabFile.set(folder.appending("userid"), user)
            try LabFile.set(folder.appending("password"), password)
            guard let mutual else { continue }
            try LabFile.set(folder.appending("userid_mutual"), mutual.user)
            try LabFile.set(folder.appending("password_mutual"), mutual.password)
        }
        try set("authentication", "1")
    }

    // MARK: Below

    /// Sets an attribute of the target, as `login_timeout`.
    public func set(_ attribute: String, _ value: String) throws {
        try LabFile.set(group.appending("attrib").appending(attribute), value)
    }

    /// Takes the target away, with its sessions.
    public func remove() throws {
        guard LabFile.exists(group) else { return }
        try disable()
        try LabFile.removeConfiguration(group.removingLastComponent())
    }

    private func lun(_ number: Int) -> FilePath { group.appending("lun").appending("lun_\(number)") }

    private func acl(_ initiator: String) -> FilePath { group.appending("acls").appending(initiator) }
}

extension Lab {
    /// An iSCSI target without LUNs.
    ///
    /// - Parameter initiators: who may log in, by IQN; everybody where none is given.
    public func target(
        _ iqn: String = "iqn.2013-06.com.example:iscsi-pool", portals: [String] = ["10.99.0.1:3260"],
        initiators: [String] = []
    ) async throws -> LabTarget {
        try await LabTarget(self, iqn, portals: portals, initiators: initiators)
    }

    /// Asks for CHAP in discovery sessions, which belong to no target.
    public func requireDiscoveryCHAP(
        _ user: String, _ password: String, mutual: (user: String, password: String)? = nil
    ) async throws {
        try await load("iscsi_target_mod")
        let folder = LabPath.target.appending("iscsi")
        try LabFile.makeFolder(folder)
        let settings = folder.appending("discovery_auth")
        // LIO takes the word NULL for nothing.
        atEnd("CHAP of discovery") {
            try LabFile.set(settings.appending("enforce_discovery_auth"), "0")
            for name in ["userid", "password", "userid_mutual", "password_mutual"] {
                try LabFile.set(settings.appending(name), "NULL")
            }
        }
        try LabFile.set(settings.appending("userid"), user)
        try LabFile.set(settings.appending("password"), password)
        if let mutual {
            try LabFile.set(settings.appending("userid_mutual"), mutual.user)
            try LabFile.set(settings.appending("password_mutual"), mutual.password)
        }
        try LabFile.set(settings.appending("enforce_discovery_auth"), "1")
    }
}
