public import SANModel

// Work as long as its data: `--timeout` bounds each wait for the storage, not the whole.
extension StorageEngine {
    /// Overwrites a volume's bytes.
    ///
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func wipeVolume(
        _ reference: VolumeReference, _ algorithm: WipeAlgorithm, progress: any ProgressReporting
    ) async throws(StorageError) -> TransferSummary {
        try await changeBytes(of: reference, "volume wipe", "volume wiping", progress, isAnew: true) {
            (data, volume, context) async throws(StorageError) in
            try await data.wipe(volume, algorithm, in: context)
        }
    }

    /// Writes a file or pipe to a volume.
    ///
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func upload(
        _ source: DataEnd, to reference: VolumeReference, _ transfer: TransferRequest,
        progress: any ProgressReporting
    ) async throws(StorageError) -> TransferSummary {
        try await changeBytes(of: reference, "volume upload", "volume upload", progress, isAnew: transfer.offset == 0) {
            (data, volume, context) async throws(StorageError) in
            try await data.upload(source, to: volume, transfer, in: context)
        }
    }

    /// Holds a volume for itself while its bytes change, and reads it again afterwards.
    ///
    /// - Parameters:
    ///   - operation: what a pool can't do whose volumes have no bytes, in libvirt's words.
    ///   - isAnew: whether the volume's start is among the bytes.
    private func changeBytes(
        of reference: VolumeReference, _ verb: String, _ operation: String, _ progress: any ProgressReporting,
        isAnew: Bool,
        _ change: (any VolumeData, Volume, OperationContext) async throws(StorageError) -> TransferSummary
    ) async throws(StorageError) -> TransferSummary {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: verb, until: deadline)
        defer { hold.release() }
        let data = try await pool(of: hold.record, as: (any VolumeData).self, operation, until: deadline)
        do throws(StorageError) {
            let summary = try await change(data, hold.volume, context(until: newDeadline(), progress: progress))
            // What wrote nothing says nothing of what the volume is.
            await noteContents(of: hold, data, isAnew: isAnew && summary.bytes > 0)
            return summary
        } catch {
            throw finished(error, hold)
        }
    }

    /// Writes a volume to a file or pipe; others may read it at the same time.
    ///
    /// - Parameter emptying: empties the sink. It is called when the volume was found to be the one that was listed, to be readable, and to
    ///   have what is asked for; nil where there is nothing to lose, which spares the look.
    /// - Throws: `not_found`, `unsupported`, `busy`, `cancelled`, and what the backend throws.
    public func download(
        _ reference: VolumeReference, to sink: DataEnd, _ transfer: TransferRequest,
        progress: any ProgressReporting, emptying: (@Sendable () throws(StorageError) -> Void)? = nil
    ) async throws(StorageError) -> TransferSummary {
        let deadline = newDeadline()
        let hold = try await hold(reference, .shared, verb: "volume download", until: deadline)
        defer { hold.release() }
        let data = try await pool(
            of: hold.record, as: (any VolumeData).self, "volume download",
            until: deadline)
        do throws(StorageError) {
            if let emptying {
                try transfer.requireRange(of: hold.volume)
                // Nothing of it: the backend makes every check that it makes before the first byte.
                _ = try await data.download(
                    hold.volume, to: sink, TransferRequest(offset: transfer.offset, length: 0),
                    in: context(until: newDeadline()))
                try emptying()
            }
            return try await data.download(
                hold.volume, to: sink, transfer, in: context(until: newDeadline(), progress: progress))
        } catch {
            throw finished(error, hold)
        }
    }
}

extension TransferRequest {
    /// - Throws: `invalid_argument` for a length that leaves a device. What is behind the end of a file is for its backend to say.
    fileprivate func requireRange(of volume: Volume) throws(StorageError) {
        guard volume.unit != nil, let capacity = volume.definition.capacity, let length else { return }
        guard let end = offset.adding(length), end <= capacity else {
            throw StorageError(
                .invalidArgument,
                "The \(length) bytes from \(offset) on leave '\(volume.name.printable)', which has \(capacity) bytes",
                subject: .volume(volume.name.printable))
        }
    }
}
