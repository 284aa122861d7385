public import SANEngine
public import SANHost
public import SANModel
import SystemPackage

/// The `iscsi-direct` pool: LUNs of an iSCSI target that this process talks to itself, through libiscsi; no kernel session, no root.
///
/// A pool is a portal, a target and an initiator name, and optionally CHAP, one-way or mutual (``CHAPResolution`` says how). Every
/// operation logs in, does its work on a thread of its own, and logs out: nothing stays behind, so a pool is active when it is asked to be.
/// CHAP's digest is MD5, the only one that libiscsi 1.19 has.
public struct ISCSIDirectBackend: StorageBackend, SourceDiscovery {
    public static let type = PoolType.iscsiDirect

    /// The initiator name of a discovery where neither the query nor the host has one.
    public static let defaultInitiator = "iqn.2008-11.org.linux-kvm:sanctl"

    private let host: HostRoot

    public init(host: HostRoot) {
        self.host = host
    }

    public func availability() async -> Availability {
        Availability(isAvailable: true, libraryVersion: ISCSILibrary.version)
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        _ = try ISCSIDirectSource(definition.source)
    }

    /// The pool: there is nothing on the host that could be active or not.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> ISCSIDirectPool? {
        ISCSIDirectPool(source: try ISCSIDirectSource(definition.source))
    }

    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<ISCSIDirectPool> {
        .changed(ISCSIDirectPool(source: try ISCSIDirectSource(definition.source)))
    }

    /// The targets that the query's hosts name, through SendTargets; with CHAP where the query has it.
    ///
    /// Each source has one host: the one that was asked, where the target can be reached there, else the first portal that it names.
    ///
    /// Equivalent to: `iscsiadm -m discovery -t sendtargets -p HOST`
    ///
    /// - Throws: `invalid_argument`, `not_found`, `unavailable`, `timed_out`, `authentication_failed`, `permission_denied`,
    ///   `backend_failure`.
    public func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        guard !query.hosts.isEmpty else {
            throw StorageError(.invalidArgument, "A discovery needs the host of a target: give one")
        }
        let initiator = try IQN(query.initiator ?? hostInitiator() ?? ISCSIDirectBackend.defaultInitiator)
        let authentication = try CHAPResolution.checked(query.authentication, of: .iscsiDirect)
        let credentials = try await CHAPResolution.credentials(
            for: authentication, target: nil, from: context.secrets)
        var sources: [PoolSource] = []
        for host in query.hosts {
            let found = try await TargetDiscovery.sources(
                host: host, initiator: initiator, credentials: credentials, until: context.deadline)
            for var source in found {
                source.authentication = authentication
                if !sources.contains(source) { sources.append(source) }
            }
        }
        return sources.sorted { ($0.devices[0].path, $0.hosts[0].name) < ($1.devices[0].path, $1.hosts[0].name) }
    }

    /// The name that open-iscsi gave this host; nil where there is none that can be read.
    private func hostInitiator() -> String? {
        guard let text = try? InitiatorName.read(host) else { return nil }  // without it the default name serves
        return InitiatorName.parse(text)
    }
}

/// `/etc/iscsi/initiatorname.iscsi`, open-iscsi's file with the host's initiator name.
enum InitiatorName {
    /// At most 64 KiB of it.
    static func read(_ host: HostRoot) throws -> String {
        let file = try FileDescriptor.open(try host.resolve("/etc/iscsi/initiatorname.iscsi"), .readOnly)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    /// The value of `InitiatorName=`, where it is an IQN.
    static func parse(_ text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("InitiatorName=") {
            let name = line.dropFirst("InitiatorName=".count).prefix { !$0.isWhitespace }
            if IQN.isQualifiedName(String(name)) { return String(name) }
        }
        return nil
    }
}
