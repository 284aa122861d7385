import SANModel
import SANXML

extension PoolOptions {
    /// The document that the options stand for, held against the rules for documents.
    ///
    /// - Throws: `invalid_argument`, and `malformed_definition` for what a document may not say either.
    func definition() throws(StorageError) -> PoolDefinition {
        var given = try Places(positional)
        given.add(self)
        var source = PoolSource()
        for host in given.hosts { source.hosts.append(try PoolSource.Host(argument: host)) }
        source.devices = given.devices.map { PoolSource.Device(path: $0) }
        source.directory = given.directory
        source.name = given.name
        source.format = sourceFormat
        source.initiator = sourceInitiator
        source.protocolVersion = sourceProtocolVer
        source.authentication = try authentication()
        source.adapter = try adapter.adapter()
        var definition = PoolDefinition(
            type: type, name: name, source: source, target: given.target.map { PoolTarget(path: $0) })
        try addOptions(to: &definition)
        if let refreshAllocation {
            guard let how = PoolDefinition.RefreshOverride.Allocation(rawValue: refreshAllocation) else {
                throw StorageError(.invalidArgument, "--refresh-allocation takes default or capacity")
            }
            definition.refresh = PoolDefinition.RefreshOverride(allocation: how)
        }
        // XML has no way to write them: they would become other characters, and the pool another one.
        try name.requireNoControlCharacters("pool")
        return try PoolDefinition(xml: Array(definition.xml.utf8))
    }

    /// virsh's five positional places, and the options that override them.
    private struct Places {
        var hosts: [String] = []
        var directory: String?
        var devices: [String] = []
        var name: String?
        var target: String?

        init(_ words: [String]) throws(StorageError) {
            guard words.count <= 5 else {
                throw StorageError(.invalidArgument, "There are more than the five words SOURCE-HOST to TARGET")
            }
            let places = words.map { $0 == "-" || $0.isEmpty ? nil : $0 } + Array(repeating: nil, count: 5)
            hosts = places[0].map { [$0] } ?? []
            directory = places[1]
            devices = places[2].map { [$0] } ?? []
            name = places[3]
            target = places[4]
        }

        mutating func add(_ options: PoolOptions) {
            hosts += options.sourceHost
            directory = options.sourcePath ?? directory
            devices += options.sourceDev
            name = options.sourceName ?? name
            target = options.target ?? target
        }
    }

    private func authentication() throws(StorageError) -> PoolSource.Authentication? {
        if authType == nil, authUsername == nil, secretUsage == nil, secretUUID == nil { return nil }
        guard let authType, let kind = PoolSource.Authentication.Kind(rawValue: authType), let authUsername else {
            throw StorageError(.invalidArgument, "To log in, --auth-type chap or ceph and --auth-username are needed")
        }
        let secret: SecretReference
        switch (secretUsage, secretUUID) {
        case (let usage?, nil): secret = .usage(usage)
        case (nil, let text?):
            guard let uuid = StorageUUID(text) else {
                throw StorageError(.invalidArgument, "'\(text.printable)' isn't a UUID")
            }
            secret = .uuid(uuid)
        default: throw StorageError(.invalidArgument, "To log in, one of --secret-usage and --secret-uuid is needed")
        }
        return PoolSource.Authentication(kind: kind, username: authUsername, secret: secret)
    }

    /// `--option`: `rbd:option` for rbd, the name of an `fs:option` for what is mounted.
    private func addOptions(to definition: inout PoolDefinition) throws(StorageError) {
        guard !option.isEmpty else { return }
        switch type {
        case .rbd:
            for text in option {
                guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                    throw StorageError(.invalidArgument, "--option takes NAME=VALUE for an rbd pool")
                }
                definition.configOptions.append(
                    PoolDefinition.ConfigOption(
                        name: String(text[..<equals]), value: String(text[text.index(after: equals)...])))
            }
        case .fileSystem, .networkFileSystem: definition.mountOptions = option
        default: throw StorageError(.invalidArgument, "--option is for rbd, fs and netfs pools; this one is \(type)")
        }
    }
}

extension AdapterOptions {
    /// - Throws: `invalid_argument` where the options contradict each other or one makes no sense.
    func adapter() throws(StorageError) -> PoolSource.Adapter? {
        let isFibreChannel = [
            adapterWWNN, adapterWWPN, adapterParent, adapterParentWWNN, adapterParentWWPN, adapterParentFabricWWN,
            adapterManaged,
        ].contains { $0 != nil }
        let isAddress = adapterParentaddr != nil || adapterUniqueID != nil
        switch (adapterName, isAddress, isFibreChannel) {
        case (nil, false, false): return nil
        case (let name?, false, false): return .scsiHost(name: name)
        case (nil, true, false): return try parentAddress()
        case (nil, false, true): return .fibreChannel(try fibreChannel())
        default:
            throw StorageError(
                .invalidArgument,
                "An adapter is given by --adapter-name, by --adapter-parentaddr, or by --adapter-wwnn and --adapter-wwpn"
            )
        }
    }

    private func parentAddress() throws(StorageError) -> PoolSource.Adapter {
        guard let adapterParentaddr, let address = PCIAddress(adapterParentaddr) else {
            throw StorageError(.invalidArgument, "--adapter-parentaddr takes a PCI address such as 0000:00:1f.2")
        }
        return .parentAddress(address, uniqueID: adapterUniqueID)
    }

    private func fibreChannel() throws(StorageError) -> PoolSource.FibreChannel {
        guard let wwnn = try wwn(adapterWWNN), let wwpn = try wwn(adapterWWPN) else {
            throw StorageError(.invalidArgument, "A vHBA needs both --adapter-wwnn and --adapter-wwpn")
        }
        var adapter = PoolSource.FibreChannel(wwnn: wwnn, wwpn: wwpn)
        adapter.parent = adapterParent
        adapter.parentWWNN = try wwn(adapterParentWWNN)
        adapter.parentWWPN = try wwn(adapterParentWWPN)
        adapter.parentFabricWWN = try wwn(adapterParentFabricWWN)
        switch adapterManaged {
        case nil: break
        case "yes"?: adapter.managed = true
        case "no"?: adapter.managed = false
        case .some: throw StorageError(.invalidArgument, "--adapter-managed takes yes or no")
        }
        return adapter
    }

    private func wwn(_ text: String?) throws(StorageError) -> WWN? {
        guard let text else { return nil }
        guard let wwn = WWN(text) else {
            throw StorageError(.invalidArgument, "'\(text.printable)' isn't a WWN: 16 hex digits are needed")
        }
        return wwn
    }
}

extension String {
    /// - Parameter noun: what this is the name of.
    /// - Throws: `invalid_argument`.
    func requireNoControlCharacters(_ noun: String) throws(StorageError) {
        guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0 == "\u{FFFD}" }) else {
            return
        }
        throw StorageError(
            .invalidArgument,
            "'\(printable)' can't name a \(noun): it has control characters or isn't UTF-8; choose another name")
    }
}
