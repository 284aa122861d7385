#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a name in a folder of volumes is.
package enum FileKind: Sendable, Hashable {
    case file, folder, link, other

    /// - Parameter mode: `st_mode` of `stat(2)`.
    package init(mode: UInt32) {
        self =
            switch mode & UInt32(S_IFMT) {
            case UInt32(S_IFREG): .file
            case UInt32(S_IFDIR): .folder
            case UInt32(S_IFLNK): .link
            default: .other
            }
    }
}
