import ArgumentParser
import SANModel

/// A pool by virsh's options, in virsh's order: `define-as` and `create-as`.
struct PoolOptions: ParsableArguments {
    @Argument(help: "The pool's name.")
    var name: String

    @Argument(help: "The pool's type.", completion: .list(PoolType.allCases.map(\.rawValue)))
    var type: PoolType

    @Argument(
        help: ArgumentHelp(
            "As virsh takes them: SOURCE-HOST SOURCE-PATH SOURCE-DEV SOURCE-NAME TARGET, - for none.",
            valueName: "source"))
    var positional: [String] = []

    @Option(help: ArgumentHelp("A server; repeatable.", valueName: "host[:port]"))
    var sourceHost: [String] = []

    @Option(help: ArgumentHelp("A folder of the source.", valueName: "path"))
    var sourcePath: String?

    @Option(help: ArgumentHelp("A device, or a target's IQN; repeatable.", valueName: "device"))
    var sourceDev: [String] = []

    @Option(help: ArgumentHelp("Volume group, POOL[/NAMESPACE] of Ceph, Gluster volume.", valueName: "name"))
    var sourceName: String?

    @Option(help: ArgumentHelp("Where the volumes are on this host.", valueName: "path"), completion: .directory)
    var target: String?

    @Option(help: ArgumentHelp("The format of the source.", valueName: "format"))
    var sourceFormat: String?

    @Option(help: ArgumentHelp("chap or ceph.", valueName: "type"), completion: .list(["chap", "ceph"]))
    var authType: String?

    @Option(help: ArgumentHelp("The user to log in as.", valueName: "user"))
    var authUsername: String?

    @Option(help: ArgumentHelp("The usage of the secret with the password.", valueName: "usage"))
    var secretUsage: String?

    @Option(
        name: .customLong("secret-uuid"),
        help: ArgumentHelp("The UUID of the secret with the password.", valueName: "uuid"))
    var secretUUID: String?

    @OptionGroup(title: "Adapter options") var adapter: AdapterOptions

    @Option(help: ArgumentHelp("The version of NFS.", valueName: "version"))
    var sourceProtocolVer: String?

    @Option(help: ArgumentHelp("The initiator's IQN.", valueName: "iqn"))
    var sourceInitiator: String?

    @Option(help: ArgumentHelp("A setting of Ceph, or a mount option; repeatable.", valueName: "name[=value]"))
    var option: [String] = []

    @Option(
        help: ArgumentHelp("How an rbd pool finds allocations: default or capacity.", valueName: "how"),
        completion: .list(["default", "capacity"]))
    var refreshAllocation: String?

    @Flag(name: .customLong("print-xml"), help: "Print the document and do nothing else.")
    var printXML = false
}

/// The HBA of a scsi pool.
struct AdapterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A SCSI host.", valueName: "scsi_hostN"))
    var adapterName: String?

    @Option(
        name: .customLong("adapter-wwnn"), help: ArgumentHelp("The vHBA's node name.", valueName: "wwn"))
    var adapterWWNN: String?

    @Option(
        name: .customLong("adapter-wwpn"), help: ArgumentHelp("The vHBA's port name.", valueName: "wwn"))
    var adapterWWPN: String?

    @Option(help: ArgumentHelp("The vHBA's parent.", valueName: "scsi_hostN"))
    var adapterParent: String?

    @Option(
        name: .customLong("adapter-parent-wwnn"), help: ArgumentHelp("The parent's node name.", valueName: "wwn"))
    var adapterParentWWNN: String?

    @Option(
        name: .customLong("adapter-parent-wwpn"), help: ArgumentHelp("The parent's port name.", valueName: "wwn"))
    var adapterParentWWPN: String?

    @Option(
        name: .customLong("adapter-parent-fabric-wwn"),
        help: ArgumentHelp("The fabric that the parent is in.", valueName: "wwn"))
    var adapterParentFabricWWN: String?

    @Option(help: ArgumentHelp("The HBA's PCI address.", valueName: "address"))
    var adapterParentaddr: String?

    @Option(name: .customLong("adapter-unique-id"), help: ArgumentHelp("Its unique_id.", valueName: "number"))
    var adapterUniqueID: UInt32?

    @Option(
        help: ArgumentHelp("Whether stopping the pool deletes the vHBA: yes or no.", valueName: "yes|no"),
        completion: .list(["yes", "no"]))
    var adapterManaged: String?
}
