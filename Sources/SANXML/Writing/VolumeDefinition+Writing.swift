import SANModel

extension VolumeDefinition {
    func write(to writer: inout XMLWriter) {
        // With its foreign content: the prefix must be declared for it.
        let hasSettings = imageSettings != nil || foreign.nested[.init("sanctl:image")] != nil
        writer.container(
            "volume", ["type": type?.rawValue], namespaces: hasSettings ? [("sanctl", OptionNamespace.image)] : [],
            foreign: foreign
        ) { writer in
            writer.leaf("name", name)
            writer.leaf("key", key)
            writer.container("source", isNeeded: !sourceDevices.isEmpty) { writer in
                for device in sourceDevices { device.write(to: &writer) }
            }
            writer.size("capacity", capacity)
            writer.size("allocation", allocation)
            writer.size("physical", physical)
            target.write(to: &writer)
            backingStore?.write(to: &writer)
            imageSettings?.write(to: &writer)
        }
    }
}

extension ImageSettings {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("sanctl:image") { writer in
            if let objectSize { writer.empty("sanctl:object", ["size": String(objectSize.bytes)]) }
            if let striping {
                writer.empty(
                    "sanctl:stripe", ["unit": String(striping.unit.bytes), "count": String(striping.count)])
            }
            if let dataPool { writer.empty("sanctl:data", ["pool": dataPool]) }
            for feature in (features ?? []).sorted() { writer.empty("sanctl:feature", ["name": feature.rawValue]) }
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                writer.empty("sanctl:metadata", ["name": key, "value": value])
            }
        }
    }
}

extension VolumeDefinition.SourceDevice {
    fileprivate func write(to writer: inout XMLWriter) {
        guard !extents.isEmpty else {
            writer.empty("device", ["path": path])
            return
        }
        writer.container("device", ["path": path]) { writer in
            for extent in extents { extent.write(to: &writer, as: "extent") }
        }
    }
}

extension VolumeTarget {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("target", foreign: foreign) { writer in
            writer.leaf("path", path)
            writer.value("format", "type", format?.rawValue)
            (permissions ?? Permissions()).write(to: &writer)
            (timestamps ?? Timestamps()).write(to: &writer)
            encryption?.write(to: &writer)
            writer.leaf("compat", compat)
            if noCopyOnWrite { writer.empty("nocow") }
            writer.size("clusterSize", clusterSize, unit: "B")
            features?.write(to: &writer)
        }
    }
}

extension VolumeTarget.Features {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("features") { writer in
            if lazyRefcounts { writer.empty("lazy_refcounts") }
            if extendedL2 { writer.empty("extended_l2") }
        }
    }
}

extension BackingStore {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("backingStore", foreign: foreign) { writer in
            writer.leaf("path", path)
            writer.value("format", "type", format?.rawValue)
            (permissions ?? Permissions()).write(to: &writer)
            (timestamps ?? Timestamps()).write(to: &writer)
        }
    }
}
