import SANModel

/// Something that can be a row of a table and an object of JSON.
protocol Listing {
    /// - Parameter style: which columns, and how sizes look.
    static func columns(_ style: ListingStyle) -> [Table.Column]
    func cells(_ style: ListingStyle) -> [String?]
    var json: JSONValue { get }
}

struct ListingStyle: Sendable, Hashable {
    /// Sizes as plain numbers of bytes (`--bytes`).
    var isExact = false
    /// More columns (`--details`).
    var isDetailed = false
}

extension Table {
    init<Item: Listing>(_ items: [Item], _ style: ListingStyle = ListingStyle()) {
        self.init(columns: Item.columns(style), rows: items.map { $0.cells(style) })
    }
}
