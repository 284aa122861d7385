import CCeph
import SANEngine
import SANModel

extension OpenImage {
    /// Writes a header of LUKS with a new key; what else the image holds is lost.
    ///
    /// Deriving the key takes seconds for LUKS 2.
    func format(_ encryption: ImageEncryption) throws(StorageError) {
        let result = unsafe call(encryption) { format, options, size in
            unsafe CephLibrary.functions.rbd_encryption_format(handle, format, options, size)
        }
        try check(result, cannot: "encrypt")
    }

    /// Has everything that follows decrypted and encrypted: offsets are the guest's then.
    ///
    /// - Throws: `authentication_failed` for another passphrase.
    func load(_ encryption: ImageEncryption) throws(StorageError) {
        let result = unsafe call(encryption) { format, options, size in
            unsafe CephLibrary.functions.rbd_encryption_load(handle, format, options, size)
        }
        guard CephFailure(result).errno != .notPermitted else {
            throw StorageError(
                .authenticationFailed,
                "The passphrase doesn't open the image '\(name.printable)': check the secret of the volume",
                subject: .volume(name.printable))
        }
        try check(result, cannot: "decrypt")
    }

    /// The header of LUKS that it begins with; nil where there is none.
    ///
    /// To be asked before ``load(_:)``.
    func luks() throws(StorageError) -> ImageLUKS? {
        let size = try sizeAndOrder().size
        let mark = try beginning(ImageLUKS.mark.count, of: size)
        if mark == ImageLUKS.clonesMark { return .unreadable }
        guard mark == ImageLUKS.mark else { return nil }
        return ImageLUKS(try beginning(ImageLUKS.headerLength, of: size), imageSize: size) ?? .unreadable
    }

    private func beginning(_ count: Int, of size: UInt64) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(min(UInt64(count), size)))
        let result = unsafe bytes.withUnsafeMutableBytes { memory in
            unsafe CephLibrary.functions.rbd_read2(
                handle, 0, memory.count, memory.baseAddress?.assumingMemoryBound(to: CChar.self), 0)
        }
        guard result >= 0 else { throw failure(CephFailure(result), cannot: "read the beginning of the image") }
        return Array(bytes.prefix(result))
    }

    /// Lends librbd the passphrase for one call.
    @unsafe private func call(
        _ encryption: ImageEncryption,
        _ body: (rbd_encryption_format_t, rbd_encryption_options_t?, Int) -> Int32
    ) -> Int32 {
        let algorithm = encryption.isStrong ? RBD_ENCRYPTION_ALGORITHM_AES256 : RBD_ENCRYPTION_ALGORITHM_AES128
        return encryption.passphrase.withBytes { passphrase in
            unsafe passphrase.withUnsafeBytes { bytes in
                let text = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                if encryption.isSecond {
                    var options = unsafe rbd_encryption_luks2_format_options_t(
                        alg: algorithm, passphrase: text, passphrase_size: bytes.count)
                    let size = unsafe MemoryLayout.size(ofValue: options)
                    return unsafe body(RBD_ENCRYPTION_FORMAT_LUKS2, &options, size)
                }
                var options = unsafe rbd_encryption_luks1_format_options_t(
                    alg: algorithm, passphrase: text, passphrase_size: bytes.count)
                let size = unsafe MemoryLayout.size(ofValue: options)
                return unsafe body(RBD_ENCRYPTION_FORMAT_LUKS1, &options, size)
            }
        }
    }
}
