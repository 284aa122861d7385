import CCeph
import SANModel

/// Groups of images, which hold on to their images by name.
extension OpenImage {
    /// - Throws: `busy` with the group that the image belongs to.
    func refuseGrouped() throws(StorageError) {
        var group = unsafe rbd_group_info_t()
        let size = unsafe MemoryLayout.size(ofValue: group)
        let functions = unsafe CephLibrary.functions
        let result = unsafe functions.rbd_get_group(handle, &group, size)
        // Images of format 1 are in none.
        if [.noFunction, .notSupported].contains(CephFailure(result).errno) { return }
        try check(result, cannot: "look for the group of")
        defer { _ = unsafe functions.rbd_group_info_cleanup(&group, size) }
        guard unsafe group.pool >= 0, let name = unsafe group.name else { return }
        let shown = unsafe place(of: String(cString: name), group.pool)
        throw StorageError(
            .busy,
            "The image '\(self.name.printable)' belongs to the group '\(shown)': take it out first, with 'rbd group image remove'",
            subject: .volume(self.name.printable))
    }

    /// - Throws: `busy` with the snapshots of groups that the image has a part of.
    func refuseGroupSnapshots() throws(StorageError) {
        var snapshots: [String] = []
        for snapshot in try allSnapshots() where snapshot.kind == RBD_SNAP_NAMESPACE_TYPE_GROUP {
            var details = unsafe rbd_snap_group_namespace_t()
            let size = unsafe MemoryLayout.size(ofValue: details)
            let functions = unsafe CephLibrary.functions
            try check(
                unsafe functions.rbd_snap_get_group_namespace(handle, snapshot.id, &details, size),
                cannot: "look at a group's snapshot of")
            defer { _ = unsafe functions.rbd_snap_group_namespace_cleanup(&details, size) }
            guard let group = unsafe details.group_name, let name = unsafe details.group_snap_name else { continue }
            snapshots.append(
                unsafe place(of: String(cString: group), details.group_pool) + "@" + String(cString: name).printable)
        }
        guard snapshots.isEmpty else {
            throw StorageError(
                .busy,
                "The image '\(name.printable)' has parts of snapshots of groups: \(snapshots.shortList); delete those first, with 'rbd group snap remove'",
                subject: .volume(name.printable))
        }
    }

    /// `POOL/GROUP` or `POOL/NAMESPACE/GROUP`: groups have images of their own namespace only.
    private func place(of group: String, _ pool: Int64) -> String {
        [connection.poolName(of: pool) ?? "pool \(pool)", connection.source.namespace, group.printable]
            .filter { !$0.isEmpty }.joined(separator: "/")
    }
}
