import CCeph
import SANModel

/// An image as its pool's directory has it.
struct ListedImage: Sendable, Hashable {
    var name: String
    /// Empty for format 1.
    var id: String
    /// Whether it is what is left of an image, see ``Leftover``.
    var isLeftover = false
    /// The name of its volume, which is unique.
    var title: String

    init(name: String, id: String) {
        self.name = name
        self.id = id
        title = name
    }
}

extension ClusterConnection {
    /// The pool's images, and what is left of some, trash left out; blocks.
    ///
    /// - Throws: `permission_denied`, `timed_out`, `unavailable`, `backend_failure`.
    func images() throws(StorageError) -> [ListedImage] {
        let functions = unsafe CephLibrary.functions
        var room = 1024
        while true {
            var specs = unsafe [rbd_image_spec_t](repeating: rbd_image_spec_t(), count: room)
            var count = room
            let result = unsafe functions.rbd_list2(ioContext, &specs, &count)
            // It says how many there are; more may come until the next call.
            if CephFailure(result).errno == .outOfRange, count > room, count < 1 << 26 {
                room = count + count / 8
                continue
            }
            guard result >= 0 else {
                throw CephFailure(result).error(cannot: "list the images of '\(source.place)'", in: source)
            }
            count = min(max(count, 0), room)
            defer { unsafe functions.rbd_image_spec_list_cleanup(&specs, count) }
            let images = unsafe specs[..<count].map { spec in
                unsafe ListedImage(name: String(cString: spec.name), id: String(cString: spec.id))
            }
            return images.marking(try leftovers())
        }
    }

    /// The ids that a name stands for, as its own object and the directory say; they are one, but where an image is half made or half deleted.
    ///
    /// - Returns: empty for a name that nothing has, and for an image of format 1.
    func imageIDs(of name: String) throws(StorageError) -> [String] {
        var ids: [String] = []
        let calls = [
            ("rbd_id." + name, ClassCalls.Call(method: "get_id", input: [], limit: 256)),
            ("rbd_directory", ClassCalls.Call(method: "dir_get_id", input: .ceph(name), limit: 256)),
        ]
        for (object, call) in calls {
            let calls = ClassCalls([call])
            let sent = calls.start(on: object, self)
            let outcome = sent < 0 ? ClassCalls.Outcome(result: sent, answers: []) : calls.wait()
            if CephFailure(outcome.result).errno == .noSuchFileOrDirectory { continue }
            let action = "look for the id of the image '\(name.printable)'"
            guard outcome.result >= 0 else { throw CephFailure(outcome.result).error(cannot: action) }
            do throws(DamagedAnswer) {
                guard let answer = outcome.answers.first ?? nil else { throw DamagedAnswer() }
                var decoder = CephDecoder(answer)
                ids.append(try decoder.text())
            } catch {
                throw StorageError(.backendFailure, "Can't \(action): the answer makes no sense")
            }
        }
        return ids
    }

    /// How many names are asked for at once.
    private static let window = 64

    /// Names of images by their ids, from the directory of a pool of the cluster, in the connection's namespace; blocks.
    ///
    /// - Parameter found: gets the place of each id that is there, and its name.
    /// - Throws: what the pool answers: after that it isn't asked any more.
    func imageNames(
        of ids: [String], pool: Int64, found: (_ index: Int, _ name: String) -> Void
    ) throws(StorageError) {
        for start in stride(from: 0, to: ids.count, by: ClusterConnection.window) {
            let asked = (start..<min(start + ClusterConnection.window, ids.count)).map { index in
                let calls = ClassCalls([.init(method: "dir_get_name", input: .ceph(ids[index]), limit: 4096)])
                return (index, calls, calls.start(on: "rbd_directory", self, pool: pool))
            }
            for (index, calls, sent) in asked {
                let outcome = sent < 0 ? ClassCalls.Outcome(result: sent, answers: []) : calls.wait()
                if CephFailure(outcome.result).errno == .noSuchFileOrDirectory { continue }
                guard outcome.result >= 0 else {
                    throw CephFailure(outcome.result).error(cannot: "read the names of images in another pool")
                }
                guard let answer = outcome.answers.first ?? nil else { continue }
                var decoder = CephDecoder(answer)
                guard let name = try? decoder.text() else { continue }  // the id is shown instead
                found(index, name)
            }
        }
    }

    /// The name of another pool of the cluster; nil where there is none of that number.
    ///
    /// Blocks, then as long as the monitors are silent.
    func poolName(of id: Int64) -> String? {
        var text = [CChar](repeating: 0, count: 256)
        guard unsafe CephLibrary.functions.rados_pool_reverse_lookup(handle, id, &text, text.count) > 0 else {
            return nil
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).printable
    }
}
