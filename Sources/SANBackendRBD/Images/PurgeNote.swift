import CCeph
import SANImages
import SANModel

/// The note of one purge on an image in the trash that its objects are being removed: among its metadata, where it is set before the first
/// object goes, and goes with the image's header.
///
/// librbd calls an entry whole again when its removal fails, and whoever is killed then, or gives up waiting, can't take that back any more.
/// Each purge has a note of its own: one that is refused takes back none of another one, which may be under way. The image's id is part of it, as
/// clones and copies have the metadata of what they come from.
struct PurgeNote: Sendable, Hashable {
    private static func prefix(_ image: String) -> String { "sanctl.purge.\(image)." }

    private let key: String

    init(on image: String) {
        key = PurgeNote.prefix(image) + PrivateNumber.make()
    }

    /// The first key after the prefix: a note where there is one.
    static func question(of image: String) -> [ClassCalls.Call] {
        [ClassCalls.Call(method: "metadata_list", input: .ceph(prefix(image)) + .ceph(1 as UInt64), limit: 1024)]
    }

    /// - Parameter answer: to ``question(of:)``; nil for one that is longer than a note is.
    static func isNote(_ answer: [UInt8]?, on image: String) throws(DamagedAnswer) -> Bool {
        guard let answer else { return false }
        var decoder = CephDecoder(answer)
        guard try decoder.number32() > 0 else { return false }
        return try decoder.text().hasPrefix(prefix(image))
    }

    /// Fails where there is no header, which would be made anew.
    var setting: [ClassCalls.Call] {
        [
            ImageHeader.sizeCall,
            ClassCalls.Call(method: "metadata_set", input: [1, 0, 0, 0] + .ceph(key) + .ceph("begun"), limit: 16),
        ]
    }

    var removal: [ClassCalls.Call] {
        [ImageHeader.sizeCall, ClassCalls.Call(method: "metadata_remove", input: .ceph(key), limit: 16)]
    }

    /// What a purge that was refused says of another one's note, which may be under way, and isn't taken back for that.
    static func remains(on trashed: TrashedVolume, in source: RBDSource) -> StorageError {
        let (shown, id) = (trashed.name.printable, trashed.id.printable)
        let (options, path) = (source.options(for: trashed.id), source.path(of: shown))
        return StorageError(
            .invalidState,
            "Another purge of the image '\(shown)' is noted, for which sanctl doesn't restore it: where none is under way, restore it with 'rbd trash restore \(options)', and take off each note '\(prefix(id))…' that 'rbd image-meta list \(path)' shows with 'rbd image-meta remove \(path) NOTE'",
            subject: .volume(shown))
    }
}

extension ClusterConnection {
    /// Whether any purge is noted.
    func isPurgeNoted(on trashed: TrashedVolume) throws(StorageError) -> Bool {
        let outcome = ask(PurgeNote.question(of: trashed.id), of: trashed)
        // No header; or what comes after the prefix is longer than a note.
        if [.noSuchFileOrDirectory, .outOfRange].contains(CephFailure(outcome.result).errno) { return false }
        let action = "look whether the purge of"
        try check(outcome.result, trashed, action)
        do throws(DamagedAnswer) {
            return try PurgeNote.isNote(outcome.answers.first ?? nil, on: trashed.id)
        } catch {
            try check(-5, trashed, action)
            return true
        }
    }

    func set(_ note: PurgeNote, on trashed: TrashedVolume) throws(StorageError) {
        let result = ask(note.setting, of: trashed).result
        if CephFailure(result).errno == .noSuchFileOrDirectory { return }
        try check(result, trashed, "note that the purge of")
    }

    func remove(_ note: PurgeNote, from trashed: TrashedVolume) throws(StorageError) {
        let result = ask(note.removal, of: trashed).result
        if CephFailure(result).errno == .noSuchFileOrDirectory { return }
        try check(result, trashed, "take back the note that the purge of")
    }

    private func ask(_ calls: [ClassCalls.Call], of trashed: TrashedVolume) -> ClassCalls.Outcome {
        let calls = ClassCalls(calls)
        let sent = calls.start(on: ImageHeader.object(of: trashed.id), self)
        return sent < 0 ? ClassCalls.Outcome(result: sent, answers: []) : calls.wait()
    }

    private func check(_ result: Int32, _ trashed: TrashedVolume, _ action: String) throws(StorageError) {
        guard result < 0 else { return }
        let shown = trashed.name.printable
        throw CephFailure(result).error(cannot: "\(action) '\(shown)' has begun", in: source).about(.volume, shown)
    }
}
