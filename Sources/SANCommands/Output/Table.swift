/// Rows below column names in capitals, as `lsblk` prints them: no borders, numbers to the right.
struct Table: Sendable, Hashable {
    struct Column: Sendable, Hashable {
        var name: String
        var isRight: Bool
        /// Left out where no row has anything in it.
        var isOptional: Bool

        static func left(_ name: String, optional: Bool = false) -> Column {
            Column(name: name, isRight: false, isOptional: optional)
        }

        static func right(_ name: String, optional: Bool = false) -> Column {
            Column(name: name, isRight: true, isOptional: optional)
        }
    }

    var columns: [Column]
    /// Nil is an absent value, shown as `-`.
    var rows: [[String?]]

    /// The lines, each with its newline; the column names only where there is no row.
    var text: String {
        let shown = columns.indices.filter { index in
            !columns[index].isOptional || rows.contains { !($0[index] ?? "").isEmpty }
        }
        let lines =
            [shown.map { columns[$0].name }]
            + rows.map { row in
                shown.map { index in
                    let cell = (row[index] ?? "").terminalSafe
                    return cell.isEmpty ? "-" : cell
                }
            }
        let widths = shown.indices.map { position in lines.reduce(0) { max($0, $1[position].columns) } }
        return lines.reduce(into: "") { text, line in
            let cells = shown.indices.map { position in
                line[position].padded(to: widths[position], right: columns[shown[position]].isRight)
            }
            text += Table.withoutTrailingSpace(cells.joined(separator: " ")) + "\n"
        }
    }

    private static func withoutTrailingSpace(_ line: String) -> Substring {
        var line = line[...]
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// Lines of `Key: value`, the values aligned.
struct Fields: Sendable {
    private var lines: [(name: String, value: String)] = []

    /// Adds a line; nothing for nil and for an empty value.
    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        lines.append((name + ":", value))
    }

    /// Each line with its newline.
    var text: String {
        let width = lines.reduce(0) { max($0, $1.name.columns) } + 1
        return lines.reduce(into: "") { text, line in
            text += line.name.padded(to: width) + line.value.terminalSafe + "\n"
        }
    }
}
