import CCeph
import SANModel

/// The note on an image in the trash that its objects are being removed: among its metadata, where it is set before the first object goes,
/// and goes with the image's header.
///
/// librbd calls an entry whole again when its removal fails, and whoever is killed then, or gives up waiting, can't take that back any more.
enum PurgeNote {
    private static let key = "sanctl.purge"

    static let question = [ClassCalls.Call(method: "metadata_get", input: .ceph(key), limit: 1024)]

    /// Fails where there is no header, which would be made anew.
    static let setting = [
        ImageHeader.sizeCall,
        ClassCalls.Call(method: "metadata_set", input: [1, 0, 0, 0] + .ceph(key) + .ceph("begun"), limit: 16),
    ]

    static let removal = [
        ImageHeader.sizeCall, ClassCalls.Call(method: "metadata_remove", input: .ceph(key), limit: 16),
    ]
}

extension ClusterConnection {
    func isPurgeNoted(on trashed: TrashedVolume) throws(StorageError) -> Bool {
        let result = ask(PurgeNote.question, of: trashed)
        // No note, or no header.
        if CephFailure(result).errno == .noSuchFileOrDirectory { return false }
        try check(result, trashed, "look whether the purge of")
        return true
    }

    func notePurge(of trashed: TrashedVolume) throws(StorageError) {
        let result = ask(PurgeNote.setting, of: trashed)
        if CephFailure(result).errno == .noSuchFileOrDirectory { return }
        try check(result, trashed, "note that the purge of")
    }

    func forgetPurge(of trashed: TrashedVolume) throws(StorageError) {
        let result = ask(PurgeNote.removal, of: trashed)
        if CephFailure(result).errno == .noSuchFileOrDirectory { return }
        try check(result, trashed, "take back the note that the purge of")
    }

    private func ask(_ calls: [ClassCalls.Call], of trashed: TrashedVolume) -> Int32 {
        let calls = ClassCalls(calls)
        let sent = calls.start(on: ImageHeader.object(of: trashed.id), self)
        return sent < 0 ? sent : calls.wait().result
    }

    private func check(_ result: Int32, _ trashed: TrashedVolume, _ action: String) throws(StorageError) {
        guard result < 0 else { return }
        let shown = trashed.name.printable
        throw CephFailure(result).error(cannot: "\(action) '\(shown)' has begun").about(.volume, shown)
    }
}
