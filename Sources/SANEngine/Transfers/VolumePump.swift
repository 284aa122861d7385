import SANModel
import SystemPackage

/// Reads a volume through its pool, and has what it reads written elsewhere at the same time.
package struct VolumePump: Sendable {
    private let volume: Volume
    private let pool: any VolumeData

    package init(volume: Volume, pool: any VolumeData) {
        self.volume = volume
        self.pool = pool
    }

    /// Copies all of it.
    ///
    /// Progress is the reader's.
    ///
    /// - Parameter write: is given a pipe to read to its end, and a context without progress.
    /// - Returns: how many bytes there were.
    /// - Throws: `backend_failure` where less arrived than was read, `host_failure`, and what the two ends throw.
    package func run(
        in context: OperationContext,
        writing write: (DataEnd, OperationContext) async throws(StorageError) -> TransferSummary
    ) async throws(StorageError) -> ByteCount {
        let (reading, writing): (FileDescriptor, FileDescriptor)
        do {
            (reading, writing) = try FileDescriptor.pipe(options: .closeOnExec)
        } catch {
            throw StorageError(.hostFailure, "Can't make a pipe: \(error)")
        }
        async let download: Result<TransferSummary, StorageError> = read(into: writing, context)
        let upload: Result<TransferSummary, StorageError>
        do throws(StorageError) {
            let end = DataEnd(descriptor: reading, isSeekable: false, name: volume.name)
            upload = .success(try await write(end, context.silent))
        } catch {
            upload = .failure(error)
        }
        try? reading.close()  // a writer that is left finds the pipe broken
        let read = await download
        // Where the writing failed, the reading did for that reason.
        let written = try upload.get()
        let summary = try read.get()
        guard written.bytes == summary.bytes else {
            throw StorageError(
                .backendFailure, "'\(volume.name.printable)' gave \(summary.bytes) bytes, and \(written.bytes) arrived",
                subject: .volume(volume.name.printable))
        }
        return written.bytes
    }

    private func read(
        into pipe: FileDescriptor, _ context: OperationContext
    ) async -> Result<TransferSummary, StorageError> {
        defer { try? pipe.close() }  // the reader sees the end
        do throws(StorageError) {
            let end = DataEnd(descriptor: pipe, isSeekable: false, name: volume.name)
            return .success(try await pool.download(volume, to: end, TransferRequest(), in: context))
        } catch {
            return .failure(error)
        }
    }
}
