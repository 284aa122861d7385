package import SANEngine
import SANImages
package import SANModel

extension GlusterPool: ImageFilePool {
    package func readSteadily<Value: Sendable>(
        _ volume: Volume, in context: OperationContext, _ read: () async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await readSteadily(volume, restingFor: GlusterPool.clocks, in: context, read)
    }

    /// Reads an image that nobody writes to meanwhile.
    ///
    /// It is told by the time of the last write, as bricks don't tell reading from writing, and a golden image is open for as long as a guest stands
    /// on it. Where that time can't tell, the image mustn't be open at all: that of a sharded file doesn't tell of all its pieces, and one that another
    /// client's clock has put ahead is kept by the bricks until later ones come (`posix_set_mdata_xattr`).
    ///
    /// - Parameter rest: how long ago the last write must be for its time to tell.
    func readSteadily<Value: Sendable>(
        _ volume: Volume, restingFor rest: Duration, in context: OperationContext,
        _ read: () async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        guard let before = try await lastWrite(to: volume, context),
            before.time < Timestamp(seconds: Timestamp.now.seconds - rest.components.seconds)
        else {
            try await requireUnused(volume, context)
            let value = try await read()
            try await requireUnused(volume, context.renewed)
            return value
        }
        let value = try await read()
        guard try await lastWrite(to: volume, context.renewed) == before else {
            throw StorageError(
                .busy,
                "'\(volume.name.printable)' was written to while it was read, so what was read is no image: a virtual machine or another client has it open",
                subject: .volume(volume.name.printable))
        }
        return value
    }

    /// How far clients' clocks may be apart.
    private static let clocks = Duration.seconds(600)

    private struct LastWrite: Sendable, Equatable {
        var size: UInt64
        var time: Timestamp
    }

    /// - Returns: nil for a sharded file.
    private func lastWrite(to volume: Volume, _ context: OperationContext) async throws(StorageError) -> LastWrite? {
        let source = source
        return try await call("the file '\(volume.name.printable)'", context) { connected throws(StorageError) in
            if try connected.isSharded() { return nil }
            let status = try source.openListed(volume, writing: false, on: connected).statusNow()
            return status.timestamps.modification.map { LastWrite(size: status.size, time: $0) }
        }
    }

    /// Refuses a file that somebody has open: before its bytes change under a guest, and before its header is believed, as what a guest writes
    /// could be another one.
    ///
    /// A brick counts each opening, its own healing of the file too, and one that has just been closed for a moment longer: so it is asked again.
    ///
    /// - Throws: `busy`; what keeps it from being told.
    func requireUnused(_ volume: Volume, _ context: OperationContext) async throws(StorageError) {
        let path = source.path(of: try StagingName.checked(volume.name))
        let patience = Deadline.after(GlusterPool.closing)
        var pause = Duration.milliseconds(10)
        while true {
            let isOpen: Bool?
            do throws(StorageError) {
                isOpen = try await call("the file '\(volume.name.printable)'", context) {
                    connected throws(StorageError) in
                    try connected.isOpen(path)
                }
            } catch {
                throw GlusterPool.unknownUse(of: volume, source, error)
            }
            // Bricks that don't tell can't be asked by anybody.
            guard isOpen == true else { return }
            guard !patience.hasPassed else {
                throw StorageError(
                    .busy,
                    "'\(volume.name.printable)' is in use: a virtual machine or another client has it open, or Gluster heals it",
                    subject: .volume(volume.name.printable))
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw StorageError(.cancelled, "Cancelled while '\(volume.name.printable)' was looked at")
            }
            pause *= 2
        }
    }

    private static func unknownUse(of volume: Volume, _ source: GlusterSource, _ error: StorageError) -> StorageError {
        switch error.code {
        case .notFound: return source.missing(volume.name)
        case .busy, .cancelled, .timedOut: return error
        default:
            return StorageError(
                error.code,
                "It can't be told whether '\(volume.name.printable)' is in use, so it is left as it is; 'gluster volume heal \(source.volume) info' tells files in split-brain",
                subject: .volume(volume.name.printable), causes: [error])
        }
    }

    /// How long a brick that is busy may take to notice that a process has ended, or closed a file.
    private static let closing = Duration.seconds(10)
}
