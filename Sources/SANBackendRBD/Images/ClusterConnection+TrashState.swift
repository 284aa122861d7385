import CCeph
import SANModel
import SystemPackage

// What the list of the trash says of an entry, and which of its changes librbd leaves undone where it is killed or refused. All of it blocks.
extension ClusterConnection {
    /// An entry's state once what was killed before its last step has ended.
    ///
    /// - Returns: nil for a state that this doesn't know.
    /// - Throws: `not_found` for an entry that is gone, `invalid_state` where the move to the trash has more than its last step to do.
    func settledState(of trashed: TrashedVolume) throws(StorageError) -> TrashObject.State? {
        let state = try state(of: trashed)
        guard state == .moving else { return state }
        try endMove(of: trashed)
        return .normal
    }

    private func state(of trashed: TrashedVolume) throws(StorageError) -> TrashObject.State? {
        let outcome = askTrash(TrashObject.entryCall(trashed.id))
        let shown = trashed.name.printable
        switch CephFailure(outcome.result).errno {
        case .noSuchFileOrDirectory:
            throw StorageError(
                .notFound, "There is no image '\(shown)' with the id \(trashed.id.printable) in the trash any more",
                subject: .volume(shown))
        // The cluster has no trash.
        case .notSupported: return .normal
        default: break
        }
        let action = "look for the image '\(shown)' in the trash"
        try check(outcome.result, trashed.name, cannot: action)
        do throws(DamagedAnswer) {
            guard let answer = outcome.answers.first ?? nil else { throw DamagedAnswer() }
            return try TrashObject.state(answer)
        } catch {
            throw CephFailure(-5 as Int32).error(cannot: action).about(.volume, shown)
        }
    }

    /// Takes the last step of a move to the trash that nobody took (`Trash::move` of 16.2): until then the entry is neither restored nor deleted.
    ///
    /// Whoever still is at it finds that done.
    private func endMove(of trashed: TrashedVolume) throws(StorageError) {
        let shown = trashed.name.printable
        if let listed = try listedName(of: trashed) {
            let verb = trashed.isLeftover ? "rm" : "trash move"
            throw StorageError(
                .invalidState,
                "The move of the image '\(shown)' to the trash hasn't ended: 'rbd \(verb) \(source.path(of: listed.printable))' ends one that was stopped",
                subject: .volume(shown))
        }
        try set(.normal, formerly: .moving, of: trashed, "end the move of the image '\(shown)' to the trash")
    }

    /// The name that an image in the trash has all the same, as a move there or a restore was stopped; it may have been renamed by then.
    private func listedName(of trashed: TrashedVolume) throws(StorageError) -> String? {
        var listed: String?
        try imageNames(of: [trashed.id], pool: poolID) { _, name in listed = name }
        guard listed == nil else { return listed }
        return try imageIDs(of: trashed.name).contains(trashed.id) ? trashed.name : nil
    }

    /// The state of what is to be purged, once what was killed before its last step has ended.
    ///
    /// - Throws: `not_found` for an entry that is gone, `invalid_state` where its image is listed, or is being restored.
    func stateToPurge(of trashed: TrashedVolume) throws(StorageError) -> TrashObject.State? {
        let state = try settledState(of: trashed)
        let shown = trashed.name.printable
        // librbd calls an entry whole again where a restore under another name is refused, whatever a former one has done.
        let listed = try listedName(of: trashed)
        if trashed.isLeftover {
            guard state == .restoring else { return state }
            guard let listed else {
                // Nobody restores what a deletion has left, but librbd itself where it takes the deletion back.
                try set(.normal, formerly: .restoring, of: trashed, "go on with the deletion of the image '\(shown)'")
                return .normal
            }
            throw StorageError(
                .invalidState,
                "The deletion of the image '\(shown)' was taken back in part, and it is listed as '\(listed.printable)': delete it again after 'rbd rm \(source.path(of: listed.printable))', which fails",
                subject: .volume(shown))
        }
        if let listed {
            let options = "\(source.options(for: trashed.id)) --image \(listed.printable)"
            throw StorageError(
                .invalidState,
                "The image '\(shown)' in the trash is listed as '\(listed.printable)', as a restore or move of it hasn't ended: restore it as '\(listed.printable)', with 'rbd trash restore \(options)'",
                subject: .volume(shown))
        }
        guard state != .restoring else {
            throw StorageError(
                .invalidState,
                "A restore of the image '\(shown)' in the trash was begun: end that first, by restoring it again under the same name",
                subject: .volume(shown))
        }
        return state
    }

    /// Has librbd restore no more what lacks objects.
    func refuseRestore(of trashed: TrashedVolume) throws(StorageError) {
        let action = "mark the image '\(trashed.name.printable)' in the trash, so that it isn't restored"
        try set(.removing, formerly: .normal, of: trashed, action)
    }

    /// Takes back a restore that was refused room for the object of its name: librbd leaves the entry marked, and doesn't delete it then.
    ///
    /// An image that has a name, as another restore of it was stopped, stays marked: it would be deleted.
    func takeBackRestore(of trashed: TrashedVolume, as name: String) throws(StorageError) {
        guard try !imageIDs(of: name).contains(trashed.id), try listedName(of: trashed) == nil else { return }
        try set(
            .normal, formerly: .restoring, of: trashed,
            "take back the restore of the image '\(trashed.name.printable)'")
    }

    private func set(
        _ state: TrashObject.State, formerly: TrashObject.State, of trashed: TrashedVolume, _ action: String
    ) throws(StorageError) {
        let outcome = askTrash(TrashObject.stateCall(trashed.id, state, formerly: formerly))
        // It is gone by now.
        guard CephFailure(outcome.result).errno != .noSuchFileOrDirectory else { return }
        try check(outcome.result, trashed.name, cannot: action)
    }

    /// Makes the object of the trash's list, whatever the pool's quota.
    ///
    /// librbd makes it with its first entry, which a pool at its quota refuses: then no image can be deleted, and the answer is ENOENT (16.2).
    func makeTrash() throws(StorageError) {
        let functions = unsafe CephLibrary.functions
        let operation = unsafe functions.rados_create_write_op()
        defer { unsafe functions.rados_release_write_op(operation) }
        unsafe functions.rados_write_op_create(operation, LIBRADOS_CREATE_IDEMPOTENT, nil)
        let result = unsafe functions.rados_write_op_operate(
            operation, ioContext, TrashObject.name, nil, Int32(LIBRADOS_OPERATION_FULL_FORCE))
        guard result >= 0 else {
            throw CephFailure(result).error(cannot: "make the trash of '\(source.place)'", in: source)
        }
    }

    /// Asks the list of the trash, which has no C function for it.
    func askTrash(_ call: ClassCalls.Call) -> ClassCalls.Outcome {
        let calls = ClassCalls([call])
        let sent = calls.start(on: TrashObject.name, self)
        return sent < 0 ? ClassCalls.Outcome(result: sent, answers: []) : calls.wait()
    }
}
