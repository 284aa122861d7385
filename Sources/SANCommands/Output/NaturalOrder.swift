/// The order in which people count: `unit:0:0:2` before `unit:0:0:10`.
enum NaturalOrder {
    static func isBefore(_ left: String, _ right: String) -> Bool {
        var (left, right) = (left.utf8[...], right.utf8[...])
        let (first, second) = (Array(left), Array(right))
        while let a = left.first, let b = right.first {
            if isDigit(a), isDigit(b) {
                let (x, y) = (takeNumber(&left), takeNumber(&right))
                if x.count != y.count { return x.count < y.count }
                if !x.elementsEqual(y) { return x.lexicographicallyPrecedes(y) }
            } else {
                if a != b { return a < b }
                left.removeFirst()
                right.removeFirst()
            }
        }
        if left.isEmpty != right.isEmpty { return left.isEmpty }
        // `a01` and `a1` count the same: any order will do that is always the same.
        return first.lexicographicallyPrecedes(second)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Takes a number off the front, without its leading zeros, however long it is.
    private static func takeNumber(_ text: inout Substring.UTF8View) -> Substring.UTF8View {
        let number = text.prefix(while: isDigit)
        text = text.dropFirst(number.count)
        return number.drop { $0 == UInt8(ascii: "0") }
    }
}
