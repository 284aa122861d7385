import ArgumentParser
import SANEngine
import SANModel

/// The verb `volume attach-info VOLUME --for …`.
struct VolumeAttachInfo: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach-info", abstract: "Print what gives a volume to a virtual machine.",
        discussion: """
            For libvirt a <disk> element, for qemu the JSON of -blockdev, else the path or the URI. Secrets are named, never \
            shown: libvirt finds them by usage or UUID, qemu by the id of an -object secret.
            """)

    enum Consumer: String, ExpressibleByArgument, CaseIterable, Sendable {
        case libvirt, qemu, path, uri
    }

    @OptionGroup var target: VolumeArgument

    @Option(name: .customLong("for"), help: ArgumentHelp("Who is to use the volume.", valueName: "consumer"))
    var consumer: Consumer

    @Option(name: .customLong("target"), help: ArgumentHelp("The guest's device, for libvirt.", valueName: "device"))
    var guestDevice = "vda"

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let located = try await engine.volume(target.reference)
        let pool = try await engine.definition(ofPool: located.pool)
        let attachment = try VolumeAttachment(located.volume, poolType: located.poolType, in: pool)
        var document: JSONObject = ["for": .string(consumer.rawValue), "volume": VolumeRow(located).json]
        document["secrets"] = .nonEmpty(attachment.secrets.map(\.json))
        let body: Report.Body
        switch consumer {
        case .libvirt:
            let xml = try attachment.disk(target: guestDevice)
            document["disk"] = .string(xml)
            body = .xml(xml)
        case .qemu:
            let node = try attachment.blockDevice()
            document["blockdev"] = node
            body = .value(JSONWriter.text(of: node, compact: true))
        case .path:
            let path = try attachment.path()
            document["path"] = .string(path)
            body = .value(path)
        case .uri:
            let uri = try attachment.uri()
            document["uri"] = .string(uri)
            body = .value(uri)
        }
        let complete = document
        return Report(body, document: complete)
    }
}
