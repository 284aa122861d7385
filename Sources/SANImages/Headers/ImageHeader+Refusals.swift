import SANModel

extension ImageHeader {
    /// Refuses images that are only a part: a copy would share, and QEMU open, files that a header names (CVE-2022-47951, CVE-2024-32498).
    package func refuseExternalData(of volume: Volume) throws(StorageError) {
        guard hasExternalData else { return }
        throw StorageError(
            .unsupported,
            "The header of '\(volume.name.printable)' says that its data is in another file, which sanctl doesn't open",
            subject: .volume(volume.name.printable))
    }
}
