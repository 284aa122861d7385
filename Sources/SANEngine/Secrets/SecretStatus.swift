public import SANModel

/// A secret as the store has it; never its value.
public struct SecretStatus: Sendable, Hashable {
    public var definition: SecretDefinition
    public var hasValue: Bool
    public var problems: [Problem]
}
