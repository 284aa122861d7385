import SANModel

/// What a sparse file goes through to have nothing that could be read: no length, and then the one that it had.
package enum FileEmptying {
    /// - Parameters:
    ///   - file: as it is shown to users.
    ///   - setLength: sets the file's length, in bytes.
    /// - Throws: what keeps it from being emptied, and that it may be empty where storage that has gone may have done it all the same; where it can't
    ///   get its length back, not at a second try either, that it is empty now.
    package static func run(
        _ file: String, length: UInt64, setLength: (UInt64) throws(StorageError) -> Void
    ) throws(StorageError) {
        do throws(StorageError) {
            try setLength(0)
        } catch {
            guard [.unavailable, .timedOut, .backendFailure, .hostFailure].contains(error.code) else { throw error }
            throw StorageError(
                error.code,
                "\(file) may be empty now: refresh the pool; 'sanctl volume resize' gives it its \(length) bytes back",
                causes: [error])
        }
        do throws(StorageError) {
            try setLength(length)
        } catch {
            // A guest finds no disk where it had one: once more, before somebody has to do it by hand.
            do throws(StorageError) {
                try setLength(length)
            } catch {
                throw StorageError(
                    error.code,
                    "\(file) is empty now, and couldn't be made as long again as it was, \(length) bytes: 'sanctl volume resize' does that",
                    causes: [error])
            }
        }
    }
}
