/// The result of an idempotent operation: whether anything had to be done.
public enum Change<Value: Sendable>: Sendable {
    /// It was so already.
    case unchanged(Value)
    /// It is so now.
    case changed(Value)

    public var value: Value {
        switch self {
        case .unchanged(let value), .changed(let value): value
        }
    }

    public var isChanged: Bool {
        if case .changed = self { true } else { false }
    }

    /// The same verdict about another value.
    public func map<Other: Sendable, Failure: Error>(
        _ transform: (Value) throws(Failure) -> Other
    ) throws(Failure) -> Change<Other> {
        switch self {
        case .unchanged(let value): .unchanged(try transform(value))
        case .changed(let value): .changed(try transform(value))
        }
    }
}
