import SANModel

extension ImageHeader {
    /// The header to go by for a volume that was listed with a format, where this one was read just now.
    ///
    /// What a guest writes to a raw volume is data, also where it looks like an image's header.
    ///
    /// - Throws: `invalid_state` where a volume that was listed as an image is another one now.
    package func of(_ volume: Volume) throws(StorageError) -> ImageHeader {
        guard let listed = volume.definition.target.format else { return self }
        if VolumeFormat.unheaded.contains(listed) {
            return VolumeFormat.unheaded.contains(format) ? self : .spanningFile(.raw)
        }
        guard format == listed else {
            throw StorageError(
                .invalidState,
                "'\(volume.name.printable)' isn't the \(listed.rawValue.printable) volume any more that was listed: refresh the pool and look again",
                subject: .volume(volume.name.printable))
        }
        return self
    }
}

extension Volume {
    /// Refuses to read data through a pool that doesn't know what it is: a file whose header couldn't be read may be an image, and what isn't a
    /// file is raw.
    ///
    /// - Throws: `invalid_state`.
    package func requireKnownFormat() throws(StorageError) {
        guard definition.target.format == nil, unit == nil, image == nil else { return }
        throw StorageError(
            .invalidState,
            "The format of '\(name.printable)' couldn't be read when it was listed: refresh its pool and try again",
            subject: .volume(name.printable))
    }
}

extension ImageHeader {
    /// Whether it is at the start of the file, where a guest could have written it, and QEMU would go by it.
    ///
    /// Those at the end (dmg and vhd of fixed size) come last when a file is copied to its place, and name no other file.
    package var mayBeGuests: Bool {
        !VolumeFormat.unheaded.contains(format) && !isAtEnd
    }

    /// What a file is listed as that had no header at its start before somebody wrote this one to it.
    package var asRaw: ImageHeader {
        .spanningFile(
            .raw,
            flaws: [
                "It stays raw, as it was listed without such a header before, though it begins like a \(format) image by now: a guest can have written that. If the image was put there on purpose, copy it to a new file and move that here, and refresh the pool"
            ])
    }
}

extension VolumeFormat {
    /// Formats whose files are the guest's bytes, from the first to the last.
    package static let unheaded: Set<VolumeFormat> = [.raw, "iso", "unknown", "none"]
    /// Those, and the ones that the end of a file may tell.
    package static let unmarked = unheaded.union(["dmg", "vpc"])
}
