import SANModel

extension NodeDeviceDefinition {
    func write(to writer: inout XMLWriter) {
        writer.container("device", foreign: foreign) { writer in
            writer.leaf("name", name)
            writer.leaf("path", path)
            for node in deviceNodes { writer.leaf("devnode", node.path, ["type": node.type]) }
            parent?.write(to: &writer)
            writer.container("driver", isNeeded: driver != nil) { $0.leaf("name", driver) }
            scsiHost?.write(to: &writer)
        }
    }
}

extension NodeDeviceDefinition.Parent {
    fileprivate func write(to writer: inout XMLWriter) {
        switch self {
        case .name(let name): writer.leaf("parent", name)
        case .ports(let wwnn, let wwpn):
            writer.empty("parent", ["wwnn": wwnn.description, "wwpn": wwpn.description])
        case .fabric(let wwn): writer.empty("parent", ["fabric_wwn": wwn.description])
        }
    }
}

extension NodeDeviceDefinition.SCSIHost {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("capability", ["type": "scsi_host"], foreign: foreign) { writer in
            writer.leaf("host", host.map { String($0) })
            writer.leaf("unique_id", uniqueID.map { String($0) })
            if let fibreChannel {
                writer.container("capability", ["type": "fc_host"], place: "fc_host") { writer in
                    writer.leaf("wwnn", fibreChannel.wwnn?.description)
                    writer.leaf("wwpn", fibreChannel.wwpn?.description)
                    writer.leaf("fabric_wwn", fibreChannel.fabricWWN?.description)
                }
            }
            if let vports {
                writer.container("capability", ["type": "vport_ops"], place: "vport_ops") { writer in
                    writer.leaf("max_vports", String(vports.maximum))
                    writer.leaf("vports", String(vports.inUse))
                }
            }
        }
    }
}
