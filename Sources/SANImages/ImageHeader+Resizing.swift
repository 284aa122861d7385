import SANEngine
import SANModel

/// How an image gets another capacity.
package enum ImageResizing: Sendable, Hashable {
    /// It has it already.
    case none
    /// The file itself gets this many bytes.
    case file(UInt64)
    /// `qemu-img` changes the image.
    case image(QemuImg.Resize)

    /// The images that `qemu-img` makes larger (`bdrv_co_truncate`, QEMU 7.2).
    package static let formats: Set<VolumeFormat> = [.qcow2, "qed"]
}

extension ImageHeader {
    /// How a volume gets the capacity that is asked for, by the header that ``of(_:)`` gave for it.
    ///
    /// - Parameter size: of its file, in bytes.
    /// - Throws: `unsupported` for an image that can't be resized, or not in that direction, and for a header that makes no sense; `invalid_state`
    ///   where the volume isn't what the request was made for any more.
    package func resizing(
        of volume: Volume, withBytes size: UInt64, to request: ResizeRequest
    ) throws(StorageError) -> ImageResizing {
        let name = volume.name.printable
        let senseless = "The header of '\(name)' makes no sense, so it can't be resized"
        func unsupported(_ reason: String) -> StorageError {
            StorageError(.unsupported, reason, subject: .volume(name))
        }
        switch format {
        case _ where ImageResizing.formats.contains(format):
            guard let capacity else { throw unsupported(senseless) }
            try request.check(volume.name, whichHas: capacity)
            let resize = QemuImg.Resize(request, of: self)
            if request.capacity == capacity { return .none }
            // `bdrv_qed_co_truncate`, QEMU 7.2.
            if format == "qed", resize.shrinks { throw unsupported("A qed volume can grow, and not shrink") }
            // `qcow2_co_truncate`: a snapshot of that version doesn't say how large the disk was.
            if snapshots > 0, compat == "0.10" {
                throw unsupported(
                    "'\(name)' has \(snapshots) snapshots inside and is of qcow2's version 0.10, which can't be resized then: make it 1.1 "
                        + "with 'qemu-img amend -o compat=1.1', or delete the snapshots")
            }
            return .image(resize)
        case "luks" where payloadOffset == nil: throw unsupported(senseless)
        case _ where spansFile || format == "luks":
            // LUKS has no size of its own: the payload is the rest of the file.
            let offset = payloadOffset ?? 0
            guard let whole = offset.adding(request.capacity)?.bytes else { throw unsupported(senseless) }
            try request.check(volume.name, whichHas: ByteCount(size - min(offset.bytes, size)))
            return whole == size ? .none : .file(whole)
        default: throw unsupported("A \(format) volume can't be resized: raw, qcow2, qed and luks can")
        }
    }
}

extension QemuImg.Resize {
    /// What makes an image of this header as large as is asked for; qcow2 alone can have its new space allocated.
    package init(_ request: ResizeRequest, of header: ImageHeader) {
        let (wanted, old) = (request.capacity, header.capacity ?? 0)
        self.init(
            format: header.format.rawValue, capacity: wanted, shrinks: wanted < old,
            allocates: request.allocates && wanted > old && header.format == .qcow2,
            isEncrypted: header.encryption != nil)
    }
}
