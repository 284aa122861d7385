import Glibc
public import SystemPackage

/// Files that this process has open, for programs that take paths only.
public enum SharedFile {
    /// The kernel's link to an open file (proc(5)), which leads to that file and not to what has its name by now.
    ///
    /// Good as long as it is open here, for this user's processes and root's.
    public static func path(of descriptor: Int32) -> FilePath {
        FilePath("/proc/\(getpid())/fd/\(descriptor)")
    }
}
