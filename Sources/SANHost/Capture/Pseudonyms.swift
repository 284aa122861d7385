import SANModel

/// Other names for what tells whose host a capture is of: serial numbers, WWNs, identifiers of units, iSCSI names, addresses, the host's name.
///
/// The same name has the same replacement wherever it stands (in text, in links, in binary VPD pages), and one that is as long, so that lengths
/// in payloads hold and what belongs together still does. Replacements are counted, not computed from the names: nothing leads back.
struct Pseudonyms {
    private var replacements = Replacements()
    private var count: UInt64 = 0
    private var addresses: [String: String] = [:]

    /// Names of fewer bytes aren't replaced: they would be found everywhere.
    private static let shortest = 4

    /// - Parameter entries: in the order in which names are counted.
    init(of entries: [CaptureEntry]) {
        // What units say of themselves first: udev's record has the same identifier as hex digits, as a serial number, and in links.
        let isOfUdev = { (entry: CaptureEntry) in entry.path.hasPrefix("/run/udev/") }
        for entry in entries.filter({ !isOfUdev($0) }) + entries.filter(isOfUdev) where entry.isNamed {
            guard case .file(let bytes) = entry.content else { continue }
            collect(entry.path, bytes)
        }
    }

    func applied(to entry: CaptureEntry) -> CaptureEntry {
        var entry = entry
        if entry.isNamed, case .file(let bytes) = entry.content {
            let isRecord = entry.path.hasPrefix("/run/udev/")
            entry.content = .file(replacements.applied(to: isRecord ? Self.withoutFileSystems(bytes) : bytes))
        }
        // Sysfs' own names are numbers; links in /dev are made of names.
        if entry.path.hasPrefix(UdevRecord.devices + "/") { entry.path = replacements.applied(to: entry.path) }
        return entry
    }

    /// Udev's record without what is on the disk: labels and UUIDs of file systems and partitions say nothing of the way to it.
    private static func withoutFileSystems(_ bytes: [UInt8]) -> [UInt8] {
        let starts = ["E:ID_FS_", "E:ID_PART_", "S:disk/by-uuid/", "S:disk/by-label/", "S:disk/by-part"].map {
            Array($0.utf8)
        }
        return Array(
            bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
                .filter { line in !starts.contains { line.starts(with: $0) } }.joined(separator: [0x0A]))
    }

    // MARK: Which names there are

    private mutating func collect(_ path: String, _ bytes: [UInt8]) {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let text = String(decoding: bytes.prefix { $0 != 0 && $0 != 0x0A }, as: UTF8.self)
        switch name {
        case "port_name", "node_name", "fabric_name", "sas_address": addWWN(text)
        case "targetname": addISCSI(text)
        case "initiatorname.iscsi":
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                if let value = line.split(separator: "=", maxSplits: 1).last { addISCSI(String(value)) }
            }
        case "initiatorname": addISCSI(text)
        case "persistent_address", "address", "ipaddress": addAddress(text)
        case "hostname": addText(text, prefix: "h")
        case "serial_number": addText(text)
        case "vpd_pg80":
            let page = try? UnitSerialNumber(bytes)  // a page that can't be read has no name to replace
            if let serial = page?.serial { addText(serial) }
        case "vpd_pg83": addDesignators(bytes)
        case "uuid" where text.hasPrefix("mpath-3"): addHex(text.dropFirst("mpath-3".count))
        case _ where path.hasPrefix("/run/udev/"): collectRecord(bytes)
        default: break
        }
    }

    private mutating func collectRecord(_ bytes: [UInt8]) {
        let record = UdevRecord(bytes)
        for key in ["ID_WWN", "ID_WWN_WITH_EXTENSION"] {
            if let wwn = record[property: key], wwn.hasPrefix("0x") { addHex(wwn.dropFirst(2)) }
        }
        for key in ["ID_SERIAL_SHORT", "ID_SCSI_SERIAL", "SCSI_IDENT_SERIAL"] {
            if let serial = record[property: key] { addText(serial) }
        }
    }

    /// Every designator of the page: ports' and targets' are names as the unit's are.
    private mutating func addDesignators(_ bytes: [UInt8]) {
        var offset = 4
        while offset + 4 <= bytes.count {
            let (codeSet, kind, length) = (bytes[offset] & 0x0F, bytes[offset + 1] & 0x0F, Int(bytes[offset + 3]))
            guard offset + 4 + length <= bytes.count else { return }
            let value = bytes[offset + 4..<offset + 4 + length]
            switch (kind, codeSet) {
            case (2, 1), (3, 1): addHex(hexadecimal(value))
            case (8, _):
                let name = String(decoding: value.prefix { $0 != 0 && $0 != UInt8(ascii: ",") }, as: UTF8.self)
                if name.hasPrefix("iqn.") {
                    addISCSI(name)
                } else if let dot = name.firstIndex(of: ".") {
                    addHex(name[name.index(after: dot)...].lowercased())
                }
            // What follows the vendor is the model with a serial number, or something of the vendor's own.
            case (1, 2...), (1, 1), (0, 2...):
                let own = kind == 1 ? value.dropFirst(8) : value
                let words = String(decoding: own, as: UTF8.self).split { " :\0".contains($0) }
                for word in words.dropFirst(kind == 1 ? 1 : 0) where word.contains(where: \.isNumber) {
                    addText(String(word))
                }
            default: break
            }
            offset += 4 + length
        }
    }

    // MARK: What they become

    private mutating func next() -> UInt64 {
        count += 1
        return count
    }

    private mutating func addWWN(_ text: String) {
        guard text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16), ![0, .max].contains(value) else {
            return
        }
        addHex(WWN(value).description)
    }

    /// An identifier of 8, 12 or 16 bytes as hex digits; its format and the vendor's number stay.
    private mutating func addHex(_ digits: some StringProtocol) {
        let digits = digits.lowercased()
        guard digits.utf8.count >= 16, digits.utf8.count.isMultiple(of: 2),
            digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
            !replacements.has(digits)
        else { return }
        let kept = ["1", "2"].contains(digits.prefix(1)) ? 10 : 7
        let replacement = String(digits.prefix(kept)) + Self.padded(String(next(), radix: 16), digits.utf8.count - kept)
        replacements.add(digits, replacement)
        replacements.add(digits.uppercased(), replacement.uppercased())
        replacements.add(Self.bytes(digits), Self.bytes(replacement))
        // As ports are spelled in SCSI name strings, and by switches.
        replacements.add(Self.spelled(digits), Self.spelled(replacement))
        replacements.add(Self.spelled(digits).uppercased(), Self.spelled(replacement).uppercased())
        // The kernel prints WWNs without leading zeros, udev the first eight bytes of a longer identifier by themselves.
        let zeros = digits.prefix { $0 == "0" }.count
        if zeros > 0, zeros < 8 {
            replacements.add(String(digits.dropFirst(zeros)), String(replacement.dropFirst(zeros)))
        }
        if digits.utf8.count == 32 {
            replacements.add(String(digits.prefix(16)), String(replacement.prefix(16)))
            replacements.add(String(digits.suffix(16)), String(replacement.suffix(16)))
        }
    }

    private mutating func addISCSI(_ name: String) {
        guard name.utf8.count > 12, !replacements.has(name) else { return }
        guard IQN.isQualifiedName(name) else { return addText(name) }
        let start = name.utf8.count > 20 ? "iqn.2000-01.example:" : "iqn.2000-01."
        replacements.add(name, start + Self.padded(String(next(), radix: 36), name.utf8.count - start.utf8.count))
    }

    /// A serial number or a name: digits, as long as it was.
    private mutating func addText(_ text: String, prefix: String = "") {
        guard text.utf8.count >= Self.shortest, !replacements.has(text) else { return }
        let number = next()
        let width = text.utf8.count - prefix.utf8.count
        let digits = String(number)
        let replacement = prefix + Self.padded(digits.utf8.count <= width ? digits : String(number, radix: 36), width)
        replacements.add(text, replacement, isWord: text.utf8.count < 8)
        // As udev writes it in links.
        let joined = text.split(separator: " ").joined(separator: "_")
        if joined != text { replacements.add(joined, replacement, isWord: joined.utf8.count < 8) }
    }

    /// An address of those that are kept for documents (RFC 5737, RFC 3849).
    private mutating func addAddress(_ text: String) {
        guard !text.isEmpty, text != "<NULL>", addresses[text] == nil else { return }
        let number = addresses.count + 1
        let blocks = ["192.0.2", "198.51.100", "203.0.113"]
        let other =
            text.contains(":") || number > 254 * blocks.count
            ? "2001:db8::\(String(number, radix: 16))" : "\(blocks[(number - 1) / 254]).\((number - 1) % 254 + 1)"
        addresses[text] = other
        replacements.add(text, other, isWord: true)
    }

    /// With zeros before it, or its last digits where it has more.
    private static func padded(_ digits: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits.suffix(max(0, width))
    }

    /// `20:00:52:54:…`.
    private static func spelled(_ digits: String) -> String {
        bytes(digits).map { hexadecimal($0, digits: 2) }.joined(separator: ":")
    }

    private static func bytes(_ digits: String) -> [UInt8] {
        let digits = Array(digits)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    }
}

/// Names and what stands for them, found in one pass over a text: the longest first, none in what replaced another.
private struct Replacements {
    private struct Entry {
        var name: [UInt8]
        var replacement: [UInt8]
        /// Only where no letter or digit is beside it.
        var isWord: Bool
    }

    /// By the first four bytes.
    private var entries: [UInt32: [Entry]] = [:]
    private var names: Set<[UInt8]> = []

    func has(_ name: String) -> Bool { names.contains(Array(name.utf8)) }

    mutating func add(_ name: String, _ replacement: String, isWord: Bool = false) {
        add(Array(name.utf8), Array(replacement.utf8), isWord: isWord)
    }

    mutating func add(_ name: [UInt8], _ replacement: [UInt8], isWord: Bool = false) {
        guard name.count >= 4, names.insert(name).inserted else { return }
        var list = entries[Self.start(of: name[...]), default: []]
        list.append(Entry(name: name, replacement: replacement, isWord: isWord))
        list.sort { $0.name.count > $1.name.count }
        entries[Self.start(of: name[...])] = list
    }

    func applied(to text: String) -> String { String(decoding: applied(to: Array(text.utf8)), as: UTF8.self) }

    func applied(to bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if let entry = match(bytes, at: index) {
                result += entry.replacement
                index += entry.name.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    private func match(_ bytes: [UInt8], at index: Int) -> Entry? {
        guard index + 4 <= bytes.count, let list = entries[Self.start(of: bytes[index...])] else { return nil }
        return list.first { entry in
            guard bytes[index...].starts(with: entry.name) else { return false }
            guard entry.isWord else { return true }
            let end = index + entry.name.count
            return (index == 0 || !Self.isWord(bytes[index - 1])) && (end == bytes.count || !Self.isWord(bytes[end]))
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func start(of bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
