import SANModel

extension RecordDecoder {
    /// - Parameter isBefore: of a list of ``RecordFile/Kind/volumesBefore``.
    mutating func volume(isBefore: Bool = false) throws(DamagedRecord) -> Volume {
        var volume = Volume(try volumeDefinition())
        volume.unit = try optional { decoder throws(DamagedRecord) in try decoder.unit() }
        volume.file = try optional { decoder throws(DamagedRecord) in try decoder.fileIdentity() }
        volume.image = try optional { decoder throws(DamagedRecord) in
            ImageIdentity(
                cluster: try decoder.text(), pool: try decoder.signed(), namespace: try decoder.text(),
                id: try decoder.text())
        }
        volume.parent = try optionalText()
        volume.snapshots = try optional { decoder throws(DamagedRecord) in
            guard let count = Int(exactly: try decoder.signed()) else { throw DamagedRecord() }
            return count
        }
        volume.problems = try problems()
        if !isBefore {
            let flags = try byte()
            guard flags < 4 else { throw DamagedRecord() }
            volume.isEncryptionUnknown = flags & 1 != 0
            volume.isAllocationUncounted = flags & 2 != 0
        }
        return volume
    }

    private mutating func volumeDefinition() throws(DamagedRecord) -> VolumeDefinition {
        var definition = VolumeDefinition(name: try text())
        definition.type = try optional { decoder throws(DamagedRecord) in try decoder.value(VolumeType.self) }
        definition.key = try optionalText()
        definition.capacity = try optionalSize()
        definition.allocation = try optionalSize()
        definition.physical = try optionalSize()
        definition.sourceDevices = try list { decoder throws(DamagedRecord) in
            let path = try decoder.text()
            let extents = try decoder.list { decoder throws(DamagedRecord) in
                Extent(start: try decoder.size(), end: try decoder.size())
            }
            return VolumeDefinition.SourceDevice(path: path, extents: extents)
        }
        definition.target = try target()
        definition.backingStore = try optional { decoder throws(DamagedRecord) in
            var store = BackingStore(path: try decoder.optionalText(), format: try decoder.format())
            store.permissions = try decoder.optional { decoder throws(DamagedRecord) in try decoder.permissions() }
            store.timestamps = try decoder.optional { decoder throws(DamagedRecord) in try decoder.timestamps() }
            store.foreign = try decoder.foreign()
            return store
        }
        definition.imageSettings = try optional { decoder throws(DamagedRecord) in try decoder.imageSettings() }
        definition.foreign = try foreign()
        return definition
    }

    private mutating func imageSettings() throws(DamagedRecord) -> ImageSettings {
        var settings = ImageSettings()
        settings.objectSize = try optionalSize()
        settings.striping = try optional { decoder throws(DamagedRecord) in
            ImageSettings.Striping(unit: try decoder.size(), count: try decoder.number())
        }
        settings.dataPool = try optionalText()
        settings.features = try optional { decoder throws(DamagedRecord) in
            Set(
                try decoder.list { decoder throws(DamagedRecord) in
                    try decoder.value(ImageSettings.Feature.self)
                })
        }
        let metadata = try list { decoder throws(DamagedRecord) in (try decoder.text(), try decoder.text()) }
        settings.metadata = Dictionary(metadata) { first, _ in first }
        return settings
    }

    private mutating func format() throws(DamagedRecord) -> VolumeFormat? {
        try optionalText().map(VolumeFormat.init(rawValue:))
    }

    private mutating func target() throws(DamagedRecord) -> VolumeTarget {
        var target = VolumeTarget(path: try optionalText(), format: try format())
        target.permissions = try optional { decoder throws(DamagedRecord) in try decoder.permissions() }
        target.timestamps = try optional { decoder throws(DamagedRecord) in try decoder.timestamps() }
        target.encryption = try optional { decoder throws(DamagedRecord) in try decoder.encryption() }
        target.compat = try optionalText()
        target.noCopyOnWrite = try flag()
        target.clusterSize = try optionalSize()
        target.features = try optional { decoder throws(DamagedRecord) in
            VolumeTarget.Features(lazyRefcounts: try decoder.flag(), extendedL2: try decoder.flag())
        }
        target.foreign = try foreign()
        return target
    }

    mutating func permissions() throws(DamagedRecord) -> Permissions {
        Permissions(
            mode: try optionalNumber32(), owner: try optionalNumber32(), group: try optionalNumber32(),
            label: try optionalText())
    }

    private mutating func timestamps() throws(DamagedRecord) -> Timestamps {
        Timestamps(
            access: try optionalTime(), birth: try optionalTime(), change: try optionalTime(),
            modification: try optionalTime())
    }

    mutating func optionalTime() throws(DamagedRecord) -> Timestamp? {
        try optional { decoder throws(DamagedRecord) in try decoder.time() }
    }

    private mutating func encryption() throws(DamagedRecord) -> EncryptionDefinition {
        var encryption = EncryptionDefinition(format: try value(EncryptionDefinition.Format.self))
        encryption.engine = try optional { decoder throws(DamagedRecord) in
            try decoder.value(EncryptionDefinition.Engine.self)
        }
        encryption.secrets = try list { decoder throws(DamagedRecord) in
            let kind = try decoder.byte()
            let text = try decoder.text()
            if kind == 1 { return SecretReference.usage(text) }
            guard kind == 0, let uuid = StorageUUID(text) else { throw DamagedRecord() }
            return .uuid(uuid)
        }
        encryption.cipher = try optional { decoder throws(DamagedRecord) in
            EncryptionDefinition.Cipher(
                name: try decoder.text(), size: try decoder.number32(), mode: try decoder.optionalText(),
                hash: try decoder.optionalText())
        }
        encryption.initializationVector = try optional { decoder throws(DamagedRecord) in
            EncryptionDefinition.InitializationVector(name: try decoder.text(), hash: try decoder.optionalText())
        }
        encryption.foreign = try foreign()
        return encryption
    }

    private mutating func fileIdentity() throws(DamagedRecord) -> FileIdentity {
        FileIdentity(
            device: try optional { decoder throws(DamagedRecord) in
                DeviceNumber(major: try decoder.number32(), minor: try decoder.number32())
            }, inode: try number(),
            handle: try optional { decoder throws(DamagedRecord) in try decoder.number() }, birth: try optionalTime())
    }

    /// - Parameter depth: how many elements it is in; no document nests known elements as deep as the limit.
    private mutating func foreign(depth: Int = 0) throws(DamagedRecord) -> ForeignContent {
        guard depth < 16 else { throw DamagedRecord() }
        let elements = try list { decoder throws(DamagedRecord) in try decoder.text() }
        let attributes = try list { decoder throws(DamagedRecord) in
            ForeignContent.Attribute(
                prefix: try decoder.text(), namespace: try decoder.text(), name: try decoder.text(),
                value: try decoder.text())
        }
        var nested: [ForeignContent.Place: ForeignContent] = [:]
        for _ in 0..<(try count()) {
            let name = try text()
            guard let position = Int(exactly: try number()) else { throw DamagedRecord() }
            nested[ForeignContent.Place(name, position)] = try foreign(depth: depth + 1)
        }
        return ForeignContent(elements: elements, attributes: attributes, nested: nested)
    }

    private mutating func unit() throws(DamagedRecord) -> LogicalUnit {
        let lun = LogicalUnitNumber(raw: try number())
        var unit = LogicalUnit(lun: lun, deviceType: try value(SCSIDeviceType.self))
        unit.wwid = try optionalText()
        unit.serial = try optionalText()
        unit.vendor = try optionalText()
        unit.product = try optionalText()
        unit.revision = try optionalText()
        unit.hctl = try optionalText()
        unit.transport = try optionalText()
        unit.multipath = try optionalText()
        unit.blockSize = try optionalNumber32()
        unit.paths = try list { decoder throws(DamagedRecord) in
            LogicalUnit.Path(
                device: try decoder.optionalText(), state: try decoder.optionalText(),
                portal: try decoder.optionalText(), port: try decoder.optionalText(), hctl: try decoder.optionalText())
        }
        unit.linksByPath = try list { decoder throws(DamagedRecord) in try decoder.text() }
        unit.linksByID = try list { decoder throws(DamagedRecord) in try decoder.text() }
        unit.map = try optional { decoder throws(DamagedRecord) in try decoder.map() }
        return unit
    }

    private mutating func map() throws(DamagedRecord) -> MultipathMap {
        var map = MultipathMap(alias: try text(), policy: try optionalText())
        map.features = try list { decoder throws(DamagedRecord) in try decoder.text() }
        map.hardwareHandler = try optionalText()
        map.isQueueing = try flag()
        map.groups = try list { decoder throws(DamagedRecord) in
            let (state, selector) = (try decoder.text(), try decoder.text())
            return MultipathMap.Group(
                state: state, selector: selector,
                devices: try decoder.list { decoder throws(DamagedRecord) in try decoder.text() })
        }
        return map
    }

    mutating func problems() throws(DamagedRecord) -> [Problem] {
        try list { decoder throws(DamagedRecord) in
            let code = StorageError.Code(rawValue: try decoder.text())
            let message = try decoder.text()
            var subject = StorageError.Subject()
            for _ in 0..<(try decoder.count()) {
                let kind = try decoder.value(StorageError.Subject.Kind.self)
                subject.values[kind] = try decoder.text()
            }
            return Problem(code: code, message: message, subject: subject)
        }
    }
}
