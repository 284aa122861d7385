import SANEngine
import SANModel

/// A pool of files that may be images, through which other pools read them.
package protocol ImageFilePool: ActivePool {
    /// Reads an image, and refuses what was read where somebody has written to it meanwhile: it would have tables and data of different moments.
    ///
    /// - Parameter read: reads it through the pool, which may take long.
    /// - Throws: `busy`, and what `read` throws.
    func readSteadily<Value: Sendable>(
        _ volume: Volume, in context: OperationContext, _ read: () async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value
}

extension ImageHeader {
    /// Whether it says where the data is, which changes with the data; a disk's bytes, encrypted or not, stay where they are.
    package var hasTables: Bool { format.driver != "raw" && format != "luks" }
}
