import ArgumentParser
import SANEngine
import SANModel

extension PoolType: ExpressibleByArgument {}
extension WipeAlgorithm: ExpressibleByArgument {}

extension PoolType {
    /// Reads a list such as `dir,iscsi-direct`.
    ///
    /// - Throws: `invalid_argument` naming the types there are.
    static func list(_ text: String) throws(StorageError) -> Set<PoolType> {
        var types: Set<PoolType> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let type = PoolType(rawValue: String(name)) else {
                let known = PoolType.allCases.map(\.rawValue).joined(separator: ", ")
                throw StorageError(
                    .invalidArgument, "there is no pool type '\(String(name).printable)'; there are \(known)")
            }
            types.insert(type)
        }
        return types
    }
}

extension Duration {
    /// Reads a number of seconds, or of what its unit says: `s`, `m`, `h`, `d`, `w`.
    ///
    /// - Throws: `invalid_argument`.
    init(parsing text: String) throws(StorageError) {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        let unit = text.last.flatMap { units[$0] }
        let number = UInt64(decimal: unit == nil ? text[...] : text.dropLast())
        let (seconds, overflows) = (number ?? 0).multipliedReportingOverflow(by: unit ?? 1)
        guard number != nil, !overflows, seconds <= 100 * 365 * 86_400 else {
            throw StorageError(
                .invalidArgument, "'\(text.printable)' is no time: it is a number with s, m, h, d or w, such as 7d")
        }
        self = .seconds(Int64(seconds))
    }
}

extension HBAStatus.Capability {
    /// Reads a list such as `fc_host,iscsi`.
    ///
    /// - Throws: `invalid_argument` naming the capabilities there are.
    static func list(_ text: String) throws(StorageError) -> Set<HBAStatus.Capability> {
        var capabilities: Set<HBAStatus.Capability> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let capability = HBAStatus.Capability(rawValue: String(name)) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw StorageError(
                    .invalidArgument, "there is no capability '\(String(name).printable)'; there are \(known)")
            }
            capabilities.insert(capability)
        }
        return capabilities
    }
}

extension LogicalUnitNumber: ExpressibleByArgument {
    /// The number that the kernel gives it, the last one of HOST:CHANNEL:TARGET:LUN.
    public init?(argument: String) {
        guard let number = UInt64(decimal: argument) else { return nil }
        self.init(kernel: number)
    }
}

extension PoolSource.Host {
    /// `HOST`, `HOST:PORT`, `[IPV6]:PORT`.
    ///
    /// - Throws: `invalid_argument`.
    init(argument: String) throws(StorageError) {
        let portal = try Portal(parsing: argument, defaultPort: 0)
        self.init(name: portal.host, port: portal.port == 0 ? nil : portal.port)
    }
}

extension SecretReference {
    /// A UUID, else a usage.
    init(argument: String) {
        self = StorageUUID(argument).map { .uuid($0) } ?? .usage(argument)
    }
}
