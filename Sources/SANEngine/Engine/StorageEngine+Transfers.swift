public import SANModel

// Work as long as its data: `--timeout` bounds each wait for the storage, not the whole.
extension StorageEngine {
    /// Overwrites a volume's bytes.
    ///
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func wipeVolume(
        _ reference: VolumeReference, _ algorithm: WipeAlgorithm, progress: any ProgressReporting
    ) async throws(StorageError) -> TransferSummary {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: "volume wipe", until: deadline)
        defer { hold.release() }
        let data = try await pool(
            of: hold.record, as: (any VolumeData).self, "storage pool doesn't support volume wiping", until: deadline)
        do throws(StorageError) {
            let summary = try await data.wipe(
                hold.volume, algorithm, in: context(until: newDeadline(), progress: progress))
            await noteContents(of: hold, data)
            return summary
        } catch {
            throw finished(error, hold)
        }
    }

    /// Writes a file or pipe to a volume.
    ///
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func upload(
        _ source: DataEnd, to reference: VolumeReference, _ transfer: TransferRequest,
        progress: any ProgressReporting
    ) async throws(StorageError) -> TransferSummary {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: "volume upload", until: deadline)
        defer { hold.release() }
        let data = try await pool(
            of: hold.record, as: (any VolumeData).self, "storage pool doesn't support volume upload", until: deadline)
        do throws(StorageError) {
            let summary = try await data.upload(
                source, to: hold.volume, transfer, in: context(until: newDeadline(), progress: progress))
            await noteContents(of: hold, data)
            return summary
        } catch {
            throw finished(error, hold)
        }
    }

    /// Writes a volume to a file or pipe; others may read it at the same time.
    ///
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func download(
        _ reference: VolumeReference, to sink: DataEnd, _ transfer: TransferRequest,
        progress: any ProgressReporting
    ) async throws(StorageError) -> TransferSummary {
        let deadline = newDeadline()
        let hold = try await hold(reference, .shared, verb: "volume download", until: deadline)
        defer { hold.release() }
        let data = try await pool(
            of: hold.record, as: (any VolumeData).self, "storage pool doesn't support volume download",
            until: deadline)
        do throws(StorageError) {
            return try await data.download(
                hold.volume, to: sink, transfer, in: context(until: newDeadline(), progress: progress))
        } catch {
            throw finished(error, hold)
        }
    }
}
