import ArgumentParser
import SANEngine
import SANModel
import SANXML

extension WWN: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }
}

extension WWN.Format: ExpressibleByArgument {}

/// A vHBA's definition, by a document or by options.
struct VHBAOptions: ParsableArguments {
    @Argument(
        help: "The <device> document; - is standard input. Without it the options say what is wanted.",
        completion: .file(extensions: ["xml"]))
    var file: String?

    @Flag(name: .customLong("validate"), help: "Hold the document against its schema first.")
    var isValidated = false

    @Option(
        help: ArgumentHelp("The vHBA's node name, 16 hex digits; generated where it isn't given.", valueName: "wwn"))
    var wwnn: WWN?

    @Option(
        help: ArgumentHelp("The vHBA's port name, 16 hex digits; generated where it isn't given.", valueName: "wwn"))
    var wwpn: WWN?

    @Option(
        help: ArgumentHelp(
            "The HBA to make it on; else the one with the most free virtual ports.", valueName: "scsi_hostN"),
        completion: .custom(CompletionContext.hbas))
    var parent: String?

    @Option(help: ArgumentHelp("The HBA by its node name; needs --parent-wwpn.", valueName: "wwn"))
    var parentWwnn: WWN?

    @Option(help: ArgumentHelp("The HBA by its port name; needs --parent-wwnn.", valueName: "wwn"))
    var parentWwpn: WWN?

    @Option(help: ArgumentHelp("An HBA in this fabric.", valueName: "wwn"))
    var parentFabricWwn: WWN?

    @Option(help: ArgumentHelp("The format of generated names: 5 or 2.", valueName: "digit"))
    var naa: WWN.Format = .registered

    func validate() throws {
        let hasOptions =
            wwnn != nil || wwpn != nil || parent != nil || parentWwnn != nil || parentWwpn != nil
            || parentFabricWwn != nil
        guard file == nil || !hasOptions else {
            throw ValidationError("Either FILE or the options that say the same are needed, not both")
        }
        guard (parentWwnn == nil) == (parentWwpn == nil) else {
            throw ValidationError("--parent-wwnn and --parent-wwpn go together")
        }
        let ways = [parent != nil, parentWwnn != nil, parentFabricWwn != nil].filter { $0 }.count
        guard ways <= 1 else {
            throw ValidationError(
                "--parent, --parent-wwnn with --parent-wwpn, and --parent-fabric-wwn exclude each other")
        }
        guard !isValidated || file != nil else { throw ValidationError("--validate needs FILE") }
    }

    func definition(in session: Session, name: String? = nil) async throws(StorageError) -> NodeDeviceDefinition {
        if let file {
            var document = try await session.document(file, validated: isValidated) { bytes throws(StorageError) in
                try NodeDeviceDefinition(xml: bytes)
            }
            if let name { document.name = name }
            return document
        }
        let names = NodeDeviceDefinition.FibreChannel(wwnn: wwnn, wwpn: wwpn)
        var definition = NodeDeviceDefinition(
            name: name, scsiHost: NodeDeviceDefinition.SCSIHost(fibreChannel: names))
        if let parent {
            definition.parent = .name(parent)
        } else if let parentWwnn, let parentWwpn {
            definition.parent = .ports(wwnn: parentWwnn, wwpn: parentWwpn)
        } else if let parentFabricWwn {
            definition.parent = .fabric(parentFabricWwn)
        }
        return definition
    }
}
