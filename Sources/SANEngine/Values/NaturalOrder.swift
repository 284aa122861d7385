extension String {
    /// Whether the text comes first the way people count: `unit:0:0:2` before `unit:0:0:10`.
    ///
    /// Runs of digits are compared as numbers, of any length; the rest by its bytes.
    public func precedesNaturally(_ other: String) -> Bool {
        var left = self
        var right = other
        let order = left.withUTF8 { left in
            right.withUTF8 { right in unsafe naturalOrder(left, right) }
        }
        // Numbers that differ in leading zeros only.
        return order == 0 ? self < other : order < 0
    }
}

/// Below, at or above zero: the order of two texts.
private func naturalOrder(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
    var i = 0
    var j = 0
    while i < left.count && j < right.count {
        let a = unsafe left[i]
        let b = unsafe right[j]
        if isDigit(a), isDigit(b) {
            let order = unsafe compareNumbers(left, &i, right, &j)
            if order != 0 { return order }
        } else {
            if a != b { return a < b ? -1 : 1 }
            i += 1
            j += 1
        }
    }
    return (left.count - i) - (right.count - j)
}

private func compareNumbers(
    _ left: UnsafeBufferPointer<UInt8>, _ i: inout Int, _ right: UnsafeBufferPointer<UInt8>, _ j: inout Int
) -> Int {
    let zero = UInt8(ascii: "0")
    while i < left.count, unsafe left[i] == zero { i += 1 }
    while j < right.count, unsafe right[j] == zero { j += 1 }
    var order = 0
    while true {
        let a = unsafe i < left.count && isDigit(left[i])
        let b = unsafe j < right.count && isDigit(right[j])
        // Without leading zeros the longer number is the larger one.
        guard a, b else { return a ? 1 : b ? -1 : order }
        if unsafe order == 0 && left[i] != right[j] { order = unsafe left[i] < right[j] ? -1 : 1 }
        i += 1
        j += 1
    }
}

private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}
