import CGlusterFS

/// Some of a folder's entries; frees the library's part of them with the value.
@safe
final class GlusterEntries: Sendable {
    struct Entry: Sendable {
        var name: [UInt8]
        /// Nil where the listing brought none.
        var status: GlusterStatus?
        /// Nil where the listing brought none.
        var object: Object?
    }

    /// The library's hold of a file; lives as long as the entries.
    @safe
    struct Object: Sendable {
        fileprivate let address: UInt

        var pointer: OpaquePointer? { unsafe OpaquePointer(bitPattern: address) }
    }

    /// Entries while they are collected.
    struct List: ~Copyable {
        fileprivate var entries: [Entry] = []

        var count: Int { entries.count }

        mutating func append(_ name: [UInt8], _ status: GlusterStatus?, _ object: OpaquePointer?) {
            let object = unsafe object.map { Object(address: UInt(bitPattern: $0)) }
            entries.append(Entry(name: name, status: status, object: object))
        }

        deinit {
            GlusterEntries.free(entries)
        }
    }

    /// In the folder's order.
    let entries: [Entry]

    init(_ list: consuming List) {
        entries = list.entries
        list.entries = []
    }

    deinit {
        GlusterEntries.free(entries)
    }

    private static func free(_ entries: [Entry]) {
        for entry in entries {
            if let pointer = unsafe entry.object?.pointer { unsafe san_gluster_free_entry(pointer) }
        }
    }
}
