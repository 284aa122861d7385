import SANModel

extension RecordEncoder {
    mutating func put(_ volume: Volume) {
        put(volume.definition)
        put(volume.unit) { $0.put($1) }
        put(volume.file) { encoder, file in
            encoder.put(file.device) {
                $0.put($1.major)
                $0.put($1.minor)
            }
            encoder.put(file.inode)
            encoder.put(file.handle) { $0.put($1) }
            encoder.put(file.birth) { $0.put($1) }
        }
        put(volume.image) { encoder, image in
            encoder.put(image.cluster)
            encoder.put(image.pool)
            encoder.put(image.namespace)
            encoder.put(image.id)
        }
        put(volume.parent)
        put(volume.snapshots) { $0.put(Int64($1)) }
        put(list: volume.problems) { $0.put($1) }
        put((volume.isEncryptionUnknown ? 1 : 0) | (volume.isAllocationUncounted ? 2 : 0) as UInt8)
    }

    private mutating func put(_ definition: VolumeDefinition) {
        put(definition.name)
        put(definition.type?.rawValue)
        put(definition.key)
        put(definition.capacity)
        put(definition.allocation)
        put(definition.physical)
        put(list: definition.sourceDevices) { encoder, device in
            encoder.put(device.path)
            encoder.put(list: device.extents) {
                $0.put($1.start)
                $0.put($1.end)
            }
        }
        put(definition.target)
        put(definition.backingStore) { encoder, store in
            encoder.put(store.path)
            encoder.put(store.format?.rawValue)
            encoder.put(store.permissions) { $0.put($1) }
            encoder.put(store.timestamps) { $0.put($1) }
            encoder.put(store.foreign)
        }
        put(definition.imageSettings) { $0.put($1) }
        put(definition.foreign)
    }

    private mutating func put(_ settings: ImageSettings) {
        put(settings.objectSize)
        put(settings.striping) { encoder, striping in
            encoder.put(striping.unit)
            encoder.put(striping.count)
        }
        put(settings.dataPool)
        put(settings.features) { encoder, features in
            encoder.put(list: features.sorted()) { $0.put($1.rawValue) }
        }
        put(list: settings.metadata.sorted { $0.key < $1.key }) { encoder, entry in
            encoder.put(entry.key)
            encoder.put(entry.value)
        }
    }

    private mutating func put(_ target: VolumeTarget) {
        put(target.path)
        put(target.format?.rawValue)
        put(target.permissions) { $0.put($1) }
        put(target.timestamps) { $0.put($1) }
        put(target.encryption) { $0.put($1) }
        put(target.compat)
        put(target.noCopyOnWrite)
        put(target.clusterSize)
        put(target.features) { encoder, features in
            encoder.put(features.lazyRefcounts)
            encoder.put(features.extendedL2)
        }
        put(target.foreign)
    }

    mutating func put(_ permissions: Permissions) {
        put(permissions.mode)
        put(permissions.owner)
        put(permissions.group)
        put(permissions.label)
    }

    private mutating func put(_ timestamps: Timestamps) {
        put(timestamps.access) { $0.put($1) }
        put(timestamps.birth) { $0.put($1) }
        put(timestamps.change) { $0.put($1) }
        put(timestamps.modification) { $0.put($1) }
    }

    private mutating func put(_ encryption: EncryptionDefinition) {
        put(encryption.format.rawValue)
        put(encryption.engine?.rawValue)
        put(list: encryption.secrets) { encoder, secret in
            switch secret {
            case .uuid(let uuid):
                encoder.put(UInt8(0))
                encoder.put(uuid.description)
            case .usage(let usage):
                encoder.put(UInt8(1))
                encoder.put(usage)
            }
        }
        put(encryption.cipher) { encoder, cipher in
            encoder.put(cipher.name)
            encoder.put(cipher.size)
            encoder.put(cipher.mode)
            encoder.put(cipher.hash)
        }
        put(encryption.initializationVector) { encoder, vector in
            encoder.put(vector.name)
            encoder.put(vector.hash)
        }
        put(encryption.foreign)
    }

    private mutating func put(_ foreign: ForeignContent) {
        put(list: foreign.elements) { $0.put($1) }
        put(list: foreign.attributes) { encoder, attribute in
            for text in [attribute.prefix, attribute.namespace, attribute.name, attribute.value] { encoder.put(text) }
        }
        put(count: foreign.nested.count)
        // Nearly always empty, in every volume of a long list.
        if foreign.nested.isEmpty { return }
        let places = foreign.nested.keys.sorted { ($0.name, $0.position) < ($1.name, $1.position) }
        for place in places {
            put(place.name)
            put(count: place.position)
            put(foreign.nested[place] ?? ForeignContent())
        }
    }

    private mutating func put(_ unit: LogicalUnit) {
        put(unit.lun.raw)
        put(unit.deviceType.rawValue)
        put(unit.wwid)
        put(unit.serial)
        put(unit.vendor)
        put(unit.product)
        put(unit.revision)
        put(unit.hctl)
        put(unit.transport)
        put(unit.multipath)
        put(unit.blockSize)
        put(list: unit.paths) { encoder, path in
            encoder.put(path.device)
            encoder.put(path.state)
            encoder.put(path.portal)
            encoder.put(path.port)
            encoder.put(path.hctl)
        }
        put(list: unit.linksByPath) { $0.put($1) }
        put(list: unit.linksByID) { $0.put($1) }
        put(unit.map) { $0.put($1) }
    }

    private mutating func put(_ map: MultipathMap) {
        put(map.alias)
        put(map.policy)
        put(list: map.features) { $0.put($1) }
        put(map.hardwareHandler)
        put(map.isQueueing)
        put(list: map.groups) { encoder, group in
            encoder.put(group.state)
            encoder.put(group.selector)
            encoder.put(list: group.devices) { $0.put($1) }
        }
    }

    mutating func put(_ problem: Problem) {
        put(problem.code.rawValue)
        put(problem.message)
        put(list: problem.subject.values.sorted { $0.key < $1.key }) { encoder, entry in
            encoder.put(entry.key.rawValue)
            encoder.put(entry.value)
        }
    }
}
