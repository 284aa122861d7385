import CLibISCSI

/// The libiscsi that this was built with.
///
/// It is linked, not loaded: the layout of its structures changes between versions.
enum ISCSILibrary {
    /// libiscsi tells no version at run time; this is its API's, the date of its last change: 20170105 in 1.18 and 1.19.
    static var version: String { "API \(LIBISCSI_API_VERSION)" }
}
