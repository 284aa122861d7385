import SANModel
import SANXML

extension VolumeAttachment {
    /// libvirt's `<disk>` element.
    ///
    /// - Parameter target: the guest's device, `vda`.
    /// - Throws: `unsupported` for a format that qemu doesn't have, and for text that XML can't hold.
    func disk(target: String) throws(StorageError) -> String {
        let bus = target.hasPrefix("sd") ? "scsi" : target.hasPrefix("hd") ? "ide" : "virtio"
        var lines: [String] = []
        let driver = try attribute(driver() == "luks" ? "raw" : try driver())
        switch route {
        case .file(let path):
            lines.append("<disk type='file' device='disk'>")
            lines.append("  <driver name='qemu' type=\(driver)/>")
            lines += try source("file=\(try attribute(path))", children: [])
        case .blockDevice(let path):
            lines.append("<disk type='block' device='disk'>")
            lines.append("  <driver name='qemu' type=\(driver)/>")
            lines += try source("dev=\(try attribute(path))", children: [])
        case .rbd(let rbd):
            lines.append("<disk type='network' device='disk'>")
            lines.append("  <driver name='qemu' type=\(driver)/>")
            lines += try source(
                "protocol='rbd' name=\(try attribute(rbd.path))",
                children: try hosts(rbd.monitors.map { .init(name: $0.host, port: $0.port) })
                    + authentication(rbd.authentication, type: "ceph"))
        case .gluster(let gluster):
            lines.append("<disk type='network' device='disk'>")
            lines.append("  <driver name='qemu' type=\(driver)/>")
            lines += try source(
                "protocol='gluster' name=\(try attribute("\(gluster.volume)/\(gluster.path)"))",
                children: try hosts(gluster.servers))
        case .iscsi(let iscsi):
            lines.append("<disk type='network' device='disk'>")
            lines.append("  <driver name='qemu' type=\(driver)/>")
            lines += try source(
                "protocol='iscsi' name=\(try attribute("\(iscsi.target)/\(iscsi.lun)"))",
                children: try children(of: iscsi))
        }
        lines.append("  <target dev=\(try attribute(target)) bus='\(bus)'/>")
        lines.append("</disk>")
        return lines.joined(separator: "\n") + "\n"
    }

    private func source(_ attributes: String, children: [String]) throws(StorageError) -> [String] {
        var inner = children
        if var encryption {
            if isDecryptedBelow { encryption.engine = .librbd }
            inner += encryption.xml.split(separator: "\n").map { String($0) }
        }
        if inner.isEmpty { return ["  <source \(attributes)/>"] }
        return ["  <source \(attributes)>"] + inner.map { "    " + $0 } + ["  </source>"]
    }

    private func children(of iscsi: ISCSI) throws(StorageError) -> [String] {
        var lines = ["<host name=\(try attribute(iscsi.portal.host)) port='\(iscsi.portal.port)'/>"]
        if let initiator = iscsi.initiator {
            lines += ["<initiator>", "  <iqn name=\(try attribute(initiator))/>", "</initiator>"]
        }
        return lines + (try authentication(iscsi.authentication, type: "iscsi"))
    }

    private func hosts(_ hosts: [PoolSource.Host]) throws(StorageError) -> [String] {
        try hosts.map { host throws(StorageError) in
            let port = host.port.flatMap { $0 == 0 ? nil : " port='\($0)'" } ?? ""
            return "<host name=\(try attribute(host.name))\(port)/>"
        }
    }

    private func authentication(
        _ authentication: PoolSource.Authentication?, type: String
    ) throws(StorageError) -> [String] {
        guard let authentication else { return [] }
        let secret: String
        switch authentication.secret {
        case .uuid(let uuid): secret = "uuid='\(uuid)'"
        case .usage(let usage): secret = "usage=\(try attribute(usage))"
        }
        return [
            "<auth username=\(try attribute(authentication.username))>", "  <secret type='\(type)' \(secret)/>",
            "</auth>",
        ]
    }

    /// The text as an attribute's value, quotes included.
    private func attribute(_ text: String) throws(StorageError) -> String {
        let isWritable = text.unicodeScalars.allSatisfy { scalar in
            "\t\n\r".unicodeScalars.contains(scalar)
                || (scalar.value >= 0x20 && ![0xFFFE, 0xFFFF].contains(scalar.value))
        }
        guard isWritable else {
            throw StorageError(.unsupported, "XML has no way to write '\(text.printable)'", subject: .volume(name))
        }
        return "'" + text.escapedForXMLAttribute + "'"
    }
}
