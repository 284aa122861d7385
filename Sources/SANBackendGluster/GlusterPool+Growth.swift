import SANEngine
import SANModel

extension GlusterPool {
    /// Makes a file longer, with real space for what it gets.
    ///
    /// Others go by the length that they see, and may write there at once: the new one appears when all of its space is there, and is never taken
    /// back then. No zeros are written, as somebody may have the file open.
    func grow(
        _ file: GlusterFile, _ name: String, from old: UInt64, to new: UInt64, _ context: OperationContext
    ) async throws(StorageError) {
        let isSharded = try await call("the volume", context) { volume throws(StorageError) in try volume.isSharded() }
        var hasSpace = false
        do throws(StorageError) {
            if !isSharded { hasSpace = try await reserve(old..<new, of: file, keepingLength: true, context) }
        } catch {
            throw await cutBack(file, name, from: old, to: old, after: error, context)
        }
        guard hasSpace else { return try await extend(file, name, from: old, to: new, context) }
        do throws(StorageError) {
            try await setLength(of: file, name, from: old, to: new, context.renewed)
        } catch {
            throw await cutBack(file, name, from: old, to: old, after: error, context)
        }
        do throws(StorageError) {
            // Nothing is left to do, unless another host's growth has failed meanwhile, and has given back the space of both.
            _ = try await reserve(old..<new, of: file, context)
        } catch {
            throw error.adding(
                cause: StorageError(
                    error.code,
                    "'\(source.uri(of: name))' has \(new) bytes, of which some may have no space: refresh the pool",
                    subject: .volume(name.printable)))
        }
    }

    /// Has space and length piece by piece, where there can be no space behind the end of a file.
    private func extend(
        _ file: GlusterFile, _ name: String, from old: UInt64, to new: UInt64, _ context: OperationContext
    ) async throws(StorageError) {
        let uri = source.uri(of: name)
        var reached = old
        while reached < new {
            let (lower, upper) = (reached, min(new, reached + GlusterPool.allocationPiece))
            let effect = Effect(
                possible: "'\(uri)' may still grow from \(lower) to \(upper) bytes: refresh the pool",
                certain: "'\(uri)' has \(upper) bytes all the same: refresh the pool")
            do throws(StorageError) {
                try await call("the space", context.renewed, effect) { _ throws(StorageError) in
                    try file.requireLength(lower, name)
                    try effect.begin()
                    try file.allocate(lower..<upper)
                }
            } catch {
                if error.code == .unsupported, reached == old { throw GlusterPool.noSpacePromised(name) }
                let left = StorageError(
                    error.code,
                    "'\(uri)' may keep space behind its end, which nothing uses before it grows",
                    subject: .volume(name.printable))
                throw await cutBack(file, name, from: reached, to: old, after: error.adding(cause: left), context)
            }
            reached = upper
        }
    }

    /// Takes a growth back whose space couldn't be had, and the space behind the end, also for a caller that is cancelled.
    ///
    /// - Parameter grown: how long this has made it, `old` where it has had space only.
    /// - Returns: the error, with what is left.
    func cutBack(
        _ file: GlusterFile, _ name: String, from grown: UInt64, to old: UInt64, after error: StorageError,
        _ context: OperationContext
    ) async -> StorageError {
        let effect = Effect()
        do throws(StorageError) {
            try await takeBack("the size", context, effect) { _ throws(StorageError) in
                try file.cutBack(from: grown, to: old, effect)
            }
            return error
        } catch let undo {
            guard undo.code != .invalidState else { return error.adding(cause: undo) }
            let left =
                grown == old
                ? "may keep space behind its end, which nothing uses before it grows"
                : "\(effect.hasBegun ? "may be" : "is") left with \(grown) bytes instead of \(old): refresh the pool; 'sanctl volume resize --shrink' cuts it back"
            return error.adding(
                cause: StorageError(
                    undo.code, "'\(source.uri(of: name))' \(left)", subject: .volume(name.printable), causes: [undo]))
        }
    }

    private static func noSpacePromised(_ name: String) -> StorageError {
        StorageError(
            .unsupported,
            "The file systems of the bricks can't promise space for '\(name.printable)': leave --allocate out",
            subject: .volume(name.printable))
    }
}
