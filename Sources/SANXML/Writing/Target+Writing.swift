import SANModel

extension PoolTarget {
    func write(to writer: inout XMLWriter) {
        writer.container("target", foreign: foreign) { writer in
            writer.leaf("path", path)
            (permissions ?? Permissions()).write(to: &writer)
        }
    }
}

extension Permissions {
    func write(to writer: inout XMLWriter) {
        writer.container("permissions", isNeeded: self != Permissions()) { writer in
            writer.leaf("mode", mode.map { "0" + String($0, radix: 8) })
            writer.leaf("owner", owner.map { String($0) })
            writer.leaf("group", group.map { String($0) })
            writer.leaf("label", label)
        }
    }
}

extension Timestamps {
    func write(to writer: inout XMLWriter) {
        writer.container("timestamps", isNeeded: self != Timestamps()) { writer in
            writer.leaf("atime", access?.description)
            writer.leaf("mtime", modification?.description)
            writer.leaf("ctime", change?.description)
            writer.leaf("btime", birth?.description)
        }
    }
}
