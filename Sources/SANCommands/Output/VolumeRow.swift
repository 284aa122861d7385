import SANEngine
import SANModel

/// A volume as a row of a table, an object of JSON, or lines of `volume info`.
struct VolumeRow: Listing {
    var pool: String
    var volume: Volume

    static func columns(_ style: ListingStyle) -> [Table.Column] {
        guard style.isDetailed else {
            return [
                .left("NAME"), .right("CAPACITY"), .right("ALLOCATION"), .left("FORMAT", optional: true), .left("PATH"),
            ]
        }
        return [
            .left("NAME"), .left("TYPE"), .right("CAPACITY"), .right("ALLOCATION"), .right("PHYSICAL", optional: true),
            .left("FORMAT", optional: true), .left("BACKING", optional: true), .left("HCTL", optional: true),
            .right("LUN", optional: true), .left("DEVTYPE", optional: true), .left("VENDOR", optional: true),
            .left("MODEL", optional: true), .left("REV", optional: true), .left("SERIAL", optional: true),
            .left("WWID", optional: true), .left("TRAN", optional: true), .left("MPATH", optional: true), .left("PATH"),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        let definition = volume.definition
        let capacity = size(definition.capacity)?.text(exact: style.isExact)
        let allocation = size(definition.allocation)?.text(exact: style.isExact)
        let format = definition.target.format?.rawValue
        guard style.isDetailed else { return [volume.name, capacity, allocation, format, volume.path] }
        let unit = volume.unit
        return [
            volume.name, definition.type?.rawValue, capacity, allocation,
            size(definition.physical)?.text(exact: style.isExact),
            format, definition.backingStore?.path, unit?.hctl, unit?.lun.description, unit?.deviceType.rawValue,
            unit?.vendor, unit?.product, unit?.revision, unit?.serial, unit?.wwid, unit?.transport, unit?.multipath,
            volume.path,
        ]
    }

    /// Nil for the zero that stands in the document of a tape or a controller: it has no size.
    private func size(_ size: ByteCount?) -> ByteCount? {
        guard let unit = volume.unit, unit.deviceType != .disk, size == 0 else { return size }
        return nil
    }

    var json: JSONValue {
        let definition = volume.definition
        var object: JSONObject = [
            "name": .string(volume.name), "key": .string(volume.key), "pool": .string(pool),
            "problems": .array(
                volume.problems.map { ["code": .string($0.code.rawValue), "message": .string($0.message)] }),
        ]
        object["path"] = .optional(definition.target.path)
        object["type"] = .optional(definition.type?.rawValue)
        object["capacity"] = .optional(size(definition.capacity))
        object["allocation"] = .optional(size(definition.allocation))
        object["physical"] = .optional(size(definition.physical))
        object["format"] = .optional(definition.target.format?.rawValue)
        object["snapshots"] = .optional(volume.snapshots)
        object["parent"] = .optional(volume.parent)
        object["encryption"] = encryptionFormat.map { ["format": .string($0)] }
        object["backing"] = definition.backingStore.map(VolumeRow.backing)
        object["image"] = volume.image.map { image in
            var members: JSONObject = [
                "cluster": .string(image.cluster), "pool": .number(UInt64(clamping: image.pool)),
                "namespace": .string(image.namespace), "id": .string(image.id),
            ]
            definition.imageSettings?.add(to: &members)
            return .object(members)
        }
        volume.unit?.add(to: &object)
        return .object(object)
    }

    /// Nil for what is known not to be encrypted.
    private var encryptionFormat: String? {
        volume.definition.target.encryption?.format.rawValue ?? (volume.isEncryptionUnknown ? "unknown" : nil)
    }

    private static func backing(_ store: BackingStore) -> JSONValue {
        var object = JSONObject()
        object["path"] = .optional(store.path)
        object["format"] = .optional(store.format?.rawValue)
        return .object(object)
    }

    /// The lines of `volume info`.
    func fields(_ style: ListingStyle) -> Fields {
        var fields = Fields()
        let definition = volume.definition
        fields.add("Name", volume.name)
        fields.add("Pool", pool)
        fields.add("Key", volume.key)
        fields.add("Path", volume.path)
        fields.add("Type", definition.type?.rawValue)
        fields.add("Format", definition.target.format?.rawValue)
        fields.add("Encryption", encryptionFormat)
        fields.add("Backing", definition.backingStore?.path)
        fields.add("Parent", volume.parent)
        fields.add("Capacity", size(definition.capacity)?.text(exact: style.isExact))
        fields.add("Allocation", size(definition.allocation)?.text(exact: style.isExact))
        fields.add("Physical", size(definition.physical)?.text(exact: style.isExact))
        fields.add("Snapshots", volume.snapshots.map { String($0) })
        definition.imageSettings?.add(to: &fields, style)
        volume.unit?.add(to: &fields)
        return fields
    }

    /// The volume's problems, each naming it, for the warnings below a table.
    var warnings: [Problem] {
        volume.problems.map { problem in
            var problem = problem
            if problem.subject.values[.volume] == nil { problem.subject.values[.volume] = volume.name }
            return problem
        }
    }
}

extension VolumeRow {
    init(_ located: LocatedVolume) {
        self.init(pool: located.pool, volume: located.volume)
    }
}
