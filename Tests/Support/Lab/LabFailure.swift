/// Why a part of the lab's SAN can't be had; says what was tried.
public struct LabFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
