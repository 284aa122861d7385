import SANModel

/// What a new volume must be, in any pool.
enum VolumeValidation {
    /// - Throws: `invalid_argument` for an empty name, `.`, `..`, and one with `/` or NUL.
    static func check(name: String) throws(StorageError) {
        let isBad =
            name.isEmpty || name == "." || name == ".." || name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
        guard !isBad else {
            throw StorageError(
                .invalidArgument,
                "'\(name.printable)' can't name a volume: a name isn't empty, '.' or '..', and has no '/' or NUL",
                subject: .volume(name.printable))
        }
    }
}

/// libvirt's rules for a new capacity, in its order.
struct ResizeRules: Sendable {
    let volume: VolumeDefinition
    /// What the pool has left; nil where it isn't known.
    let available: ByteCount?
    let isDelta: Bool
    let allowsShrink: Bool
    let allocates: Bool
    /// Whether the allocation is nothing but the capacity, as of an image whose objects nobody counts.
    var isUncounted = false

    /// The capacity that is wanted in the end.
    ///
    /// - Throws: `invalid_argument`.
    func capacity(for given: ByteCount) throws(StorageError) -> ByteCount {
        let current = volume.capacity ?? 0
        let wanted = try absolute(given, from: current)
        if wanted < volume.allocation ?? 0, !isUncounted {
            throw refused(
                "Can't shrink capacity below existing allocation (\(volume.allocation ?? 0) bytes): discard what isn't needed "
                    + "(fstrim in the guest) and refresh the pool, or copy the data to a new, smaller volume")
        }
        if wanted < current, !allowsShrink {
            throw refused(
                "Can't shrink capacity below current capacity (\(current) bytes) unless shrink flag explicitly specified: "
                    + "--shrink, which cuts off what is behind the new end")
        }
        if allocates, let available, let room = current.adding(available), wanted > room {
            throw refused("Not enough space left in storage pool: \(available) bytes")
        }
        return wanted
    }

    private func absolute(_ given: ByteCount, from current: ByteCount) throws(StorageError) -> ByteCount {
        guard isDelta else { return given }
        if allowsShrink { return current.taking(given.bytes) }
        guard let sum = current.adding(given) else { throw refused("The capacity is over 2^64 - 1 bytes") }
        return sum
    }

    private func refused(_ message: String) -> StorageError {
        StorageError(.invalidArgument, message, subject: .volume(volume.name.printable))
    }
}
