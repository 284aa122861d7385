import CCeph
import SANModel

/// What is left of an image whose deletion was begun and hasn't ended.
///
/// librbd keeps it in the trash with the source "removing", and lists it among the images, by the name that it had: another image may have
/// that by now.
struct Leftover: Sendable, Hashable {
    var id: String
    var name: String
}

/// The list of the trash, as `trash_list` of the `rbd` object class gives it.
enum TrashObject {
    static let name = "rbd_trash"
    /// How many entries are asked for at once.
    static let page = 1024
    /// `TRASH_IMAGE_SOURCE_REMOVING` of `src/cls/rbd/cls_rbd_types.h`.
    private static let removing: UInt8 = 3

    /// `TRASH_IMAGE_STATE_…`, in one byte.
    enum State: UInt8 {
        case normal = 0
        case moving = 1
        /// Its objects are being removed, or were in part: librbd doesn't restore it.
        case removing = 2
        case restoring = 3
    }

    /// - Parameter last: the id after which to go on; empty for the beginning.
    static func call(after last: String) -> ClassCalls.Call {
        ClassCalls.Call(method: "trash_list", input: .ceph(last) + .ceph(UInt64(page)), limit: 4 << 20)
    }

    /// `trash_get`.
    static func entryCall(_ id: String) -> ClassCalls.Call {
        ClassCalls.Call(method: "trash_get", input: .ceph(id), limit: 64 << 10)
    }

    /// `trash_state_set`, which fails with ESTALE where the state is neither of the two.
    static func stateCall(_ id: String, _ state: State, formerly: State) -> ClassCalls.Call {
        ClassCalls.Call(method: "trash_state_set", input: .ceph(id) + [state.rawValue, formerly.rawValue], limit: 16)
    }

    /// An entry's state; nil for one that this doesn't know.
    static func state(_ answer: [UInt8]) throws(DamagedAnswer) -> State? {
        var decoder = CephDecoder(answer)
        let version = try decoder.byte()
        _ = try decoder.byte()
        var entry = CephDecoder(Array(try decoder.take(Int(try decoder.number32()))))
        _ = try entry.byte()
        _ = try entry.text()
        // Two times.
        _ = try entry.take(16)
        // Ceph 12 had no states.
        return version < 2 ? .normal : State(rawValue: try entry.byte())
    }

    /// What of an answer is left of images; how many entries it has, and the last one's id.
    static func leftovers(_ answer: [UInt8]) throws(DamagedAnswer) -> (found: [Leftover], count: Int, last: String) {
        var decoder = CephDecoder(answer)
        var (found, last): ([Leftover], String) = ([], "")
        let count = Int(try decoder.number32())
        for _ in 0..<count {
            last = try decoder.text()
            _ = try decoder.take(2)
            var entry = CephDecoder(Array(try decoder.take(Int(try decoder.number32()))))
            let source = try entry.byte()
            guard source == removing else { continue }
            found.append(Leftover(id: last, name: try entry.text()))
        }
        return (found, count, last)
    }
}

extension ClusterConnection {
    /// What is left of images that were deleted in part, or are being deleted; blocks.
    ///
    /// `rbd_trash_list` leaves these out.
    func leftovers() throws(StorageError) -> [Leftover] {
        let action = "list the trash of '\(source.place)'"
        var (found, last): ([Leftover], String) = ([], "")
        while true {
            let outcome = askTrash(TrashObject.call(after: last))
            // Nothing was ever in it, or the cluster has none.
            if [.noSuchFileOrDirectory, .notSupported].contains(CephFailure(outcome.result).errno) { return found }
            guard outcome.result >= 0 else { throw CephFailure(outcome.result).error(cannot: action) }
            do throws(DamagedAnswer) {
                guard let answer = outcome.answers.first ?? nil else { throw DamagedAnswer() }
                let piece = try TrashObject.leftovers(answer)
                found += piece.found
                guard piece.count >= TrashObject.page, piece.last != last else { return found }
                last = piece.last
            } catch {
                throw StorageError(.backendFailure, "The trash of '\(source.place)' makes no sense")
            }
        }
    }

    /// Whoever deletes an image again that was deleted in part doesn't mean another one that has its name by now.
    ///
    /// - Throws: `invalid_state` where something is left of another image that had the name.
    func refuseLeftover(of volume: Volume) throws(StorageError) {
        let name = volume.name
        guard let left = try leftovers().first(where: { $0.name == name && $0.id != volume.image?.id }) else { return }
        throw StorageError(
            .invalidState,
            """
            An older image '\(name.printable)' is deleted in part, or is being deleted: delete that first, after a refresh \
            of the pool, as '\(ImageNaming.leftover(left.id).printable)'
            """, subject: .volume(name.printable))
    }
}

extension [ListedImage] {
    /// Tells what is left of images, and gives it a name of its own where another one has it.
    func marking(_ leftovers: [Leftover]) -> [ListedImage] {
        guard !leftovers.isEmpty else { return self }
        let ids = Set(leftovers.map(\.id))
        let counts = Dictionary(map { ($0.name, 1) }, uniquingKeysWith: +)
        return map { image in
            var image = image
            image.isLeftover = ids.contains(image.id)
            if image.isLeftover, counts[image.name, default: 0] > 1 { image.title = ImageNaming.leftover(image.id) }
            return image
        }
    }
}
