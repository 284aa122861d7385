import SANModel

/// Images of other hypervisors and systems, each after its document.
extension ImageHeader {
    /// VirtualBox, VDICore.h.
    static func parseVDI(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.littleEndian(UInt32.self, at: 64) == 0xBEDA_107F else { return nil }
        guard let version = bytes.littleEndian(UInt32.self, at: 68), bytes.count >= 376 else { return .needs(376) }
        guard version == 0x0001_0001 else {
            return .header(.spanningFile(.raw, flaws: ["It begins like a vdi image, but of an unknown version"]))
        }
        var header = ImageHeader("vdi")
        header.setCapacity(bytes.littleEndian(UInt64.self, at: 368))
        return .header(header)
    }

    /// Microsoft's Virtual Hard Disk Image Format Specification 1.0: a dynamic disk begins with a copy of its footer.
    static func parseVPC(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("conectix") else { return nil }
        guard bytes.count >= footerLength else { return .needs(footerLength) }
        return .header(vpc(bytes))
    }

    private static func vpc(_ footer: Span<UInt8>) -> ImageHeader {
        var header = ImageHeader("vpc")
        header.setCapacity(footer.bigEndian(UInt64.self, at: 48))
        if footer.bigEndian(UInt32.self, at: 60) == 4 { header.hasExternalData = true }  // a differencing disk
        return header
    }

    /// Virtuozzo and OpenVZ, the expandable format of parallels.txt in QEMU.
    static func parsePloop(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        let isExtended = bytes.has("WithouFreSpacExt")
        guard isExtended || bytes.has("WithoutFreeSpace") else { return nil }
        guard let sectors = bytes.littleEndian(UInt64.self, at: 36) else { return .needs(44) }
        var header = ImageHeader("ploop")
        header.setCapacity(isExtended ? sectors : sectors & 0xFFFF_FFFF, unit: 512)
        return .header(header)
    }

    /// Bochs' redolog, iodev/hdimage/hdimage.h.
    static func parseBochs(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("Bochs Virtual HD Image\0") else { return nil }
        guard let version = bytes.littleEndian(UInt32.self, at: 64), bytes.count >= 96 else { return .needs(96) }
        guard version == 0x1_0000 || version == 0x2_0000 else {
            return .header(.spanningFile(.raw, flaws: ["It begins like a bochs image, but of an unknown version"]))
        }
        var header = ImageHeader("bochs")
        header.setCapacity(bytes.littleEndian(UInt64.self, at: version == 0x1_0000 ? 84 : 88))
        // An 'Undoable' or 'Volatile' redolog is the difference to a flat image that it doesn't name.
        if !bytes.has("Growing", at: 48) { header.hasExternalData = true }
        return .header(header)
    }

    /// Knoppix's compressed loop, cloop.h: a script, then the block size and the number of blocks.
    static func parseCloop(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("#!/bin/sh\n#V2.0 Format\n") else { return nil }
        guard let blockSize = bytes.bigEndian(UInt32.self, at: 128), let blocks = bytes.bigEndian(UInt32.self, at: 132)
        else { return .needs(136) }
        var header = ImageHeader("cloop")
        header.setCapacity(UInt64(blocks), unit: UInt64(blockSize))
        return .header(header)
    }

    /// Whether a file's name says that its format is told by the last ``footerLength`` bytes.
    ///
    /// Only by name: the end of a raw image belongs to a guest, and one more read of every file costs.
    public static func mayHaveFooter(_ name: String) -> Bool {
        let lowered = name.utf8.suffix(4).map { $0 | 0x20 }
        return lowered == Array(".dmg".utf8) || lowered == Array(".vhd".utf8) || lowered == Array(".vpc".utf8)
    }

    /// Recognises a dmg (UDIF, trailer `koly`) and a vhd of fixed size by the last ``footerLength`` bytes.
    public static func parseFooter(_ bytes: Span<UInt8>, fileSize: UInt64) -> ImageHeader? {
        guard bytes.count == footerLength else { return nil }
        var header: ImageHeader
        if bytes.has("conectix") {
            header = vpc(bytes)
        } else {
            guard bytes.has("koly"), bytes.bigEndian(UInt32.self, at: 8) == 512 else { return nil }
            header = ImageHeader("dmg")
            header.setCapacity(bytes.bigEndian(UInt64.self, at: 492), unit: 512)
        }
        header.isAtEnd = true
        return header
    }
}
