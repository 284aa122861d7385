import SANEngine
import SANModel

/// A pool of files that may be images, through which other pools read them.
package protocol ImageFilePool: ActivePool {
    /// Refuses an image that somebody works on: a copy that takes a while would have tables and data of different moments.
    ///
    /// - Throws: `busy`.
    func requireUnused(_ volume: Volume, in context: OperationContext) async throws(StorageError)
}

extension ImageHeader {
    /// Whether it says where the data is, which changes with the data; a disk's bytes, encrypted or not, stay where they are.
    package var hasTables: Bool { format.driver != "raw" && format != "luks" }
}
