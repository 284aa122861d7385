extension Unicode.Scalar {
    /// Whether a terminal may do something with the character other than show it: controls, text direction, invisible marks.
    var actsOnTerminals: Bool {
        if value >= 0x20 && value < 0x7F { return false }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        default: return false
        }
    }

    /// How many columns of a terminal it takes: 0 for what combines, 2 for East Asian wide characters and emoji.
    fileprivate var columns: Int {
        if value < 0x300 { return 1 }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}

extension String {
    /// The text with everything that could act on a terminal written as `\u{…}`, `\n`, `\t`: fit for one cell of a table.
    var terminalSafe: String {
        guard unicodeScalars.contains(where: \.actsOnTerminals) else { return self }
        return unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.actsOnTerminals {
                result += scalar.escaped(asASCII: true)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// An XML document with what could act on a terminal as character references, which mean the same; line breaks and tabs stay.
    var terminalSafeXML: String {
        unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.actsOnTerminals && scalar != "\n" && scalar != "\t" {
                result += "&#x" + String(scalar.value, radix: 16) + ";"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// The columns of a terminal that the text takes.
    var columns: Int { unicodeScalars.reduce(0) { $0 + $1.columns } }

    /// Spaces to fill a column.
    func padded(to width: Int, right isRight: Bool = false) -> String {
        let fill = String(repeating: " ", count: Swift.max(0, width - columns))
        return isRight ? fill + self : self + fill
    }
}
