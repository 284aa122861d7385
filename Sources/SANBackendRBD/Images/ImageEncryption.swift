import CCeph
import SANEngine
import SANImages
import SANModel

/// How librbd encrypts an image: LUKS 1 or 2 with AES in XTS mode.
struct ImageEncryption: Sendable {
    /// The first or the second version of LUKS.
    var isSecond: Bool
    /// AES with 256 bits, else with 128.
    var isStrong: Bool
    var passphrase: SecretBytes

    /// What a document asks for.
    ///
    /// - Throws: `unsupported` for what librbd doesn't do, `invalid_argument` for other than one secret.
    static func check(_ definition: EncryptionDefinition) throws(StorageError) -> (isSecond: Bool, isStrong: Bool) {
        guard [.luks, .luks2].contains(definition.format) else {
            throw StorageError(
                .unsupported, "An image can be encrypted with luks or luks2, not with '\(definition.format.rawValue)'")
        }
        guard definition.engine != .qemu else {
            throw StorageError(.unsupported, "An image is encrypted by librbd: leave engine='qemu' out")
        }
        guard definition.secrets.count == 1 else {
            throw StorageError(
                .invalidArgument, "<encryption> needs one <secret>, and has \(definition.secrets.count)")
        }
        let isSecond = definition.format == .luks2
        guard let cipher = definition.cipher else { return (isSecond, true) }
        let vector = definition.initializationVector
        guard cipher.name == "aes", [128, 256].contains(cipher.size), ["xts", nil].contains(cipher.mode),
            ["sha256", nil].contains(cipher.hash), ["plain64", nil].contains(vector?.name), vector?.hash == nil
        else {
            throw StorageError(
                .unsupported,
                "librbd encrypts with aes of 128 or 256 bits, mode xts, hash sha256 and ivgen plain64 only")
        }
        return (isSecond, cipher.size == 256)
    }
}

/// The header of LUKS that an image begins with.
struct ImageLUKS: Sendable, Hashable {
    var format: EncryptionDefinition.Format
    /// Where the encrypted data begins, in bytes.
    var payload: UInt64

    /// The bytes that LUKS is told by.
    static let mark = Array("LUKS".utf8) + [0xBA, 0xBE]
    /// Those of a clone that is encrypted by itself, see ``FirstBytes/clonesOwn``.
    static let clonesMark = Array("RBDL".utf8) + [0xBA, 0xBE]
    /// What begins like LUKS, and can't be read further: a later version, a header whose data is elsewhere, a damaged one, or a clone's own.
    static let unreadable = ImageLUKS(format: .anyLUKS, payload: 0)
    /// All of a header that is looked at.
    static var headerLength: Int { SANImages.ImageHeader.longestHeader }

    private init(format: EncryptionDefinition.Format, payload: UInt64) {
        (self.format, self.payload) = (format, payload)
    }

    /// The same for an image of another size.
    func within(_ imageSize: UInt64) -> ImageLUKS { payload <= imageSize ? self : .unreadable }

    /// - Parameter imageSize: in bytes, all of it.
    /// - Returns: nil for what is no LUKS volume, or one whose data isn't in the image.
    init?(_ bytes: [UInt8], imageSize: UInt64) {
        guard bytes.starts(with: ImageLUKS.mark),
            case .header(let header) = SANImages.ImageHeader.parse(bytes.span, fileSize: imageSize),
            let format = header.encryption, let payload = header.payloadOffset
        else { return nil }
        self.format = format
        self.payload = payload.bytes
    }
}
