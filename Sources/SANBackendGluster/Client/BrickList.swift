import SANModel

/// The bricks that a volume has, as the server's volume file tells them: `volume NAME` … `option remote-host` … `end-volume`.
struct BrickList: Sendable, Hashable {
    struct Missing: Sendable, Hashable, CustomStringConvertible {
        /// The hosts that have a brick of this path.
        var hosts: [String]
        var path: String
        /// How many of them aren't reached.
        var count: Int

        var description: String {
            let names = hosts.map { "\($0.printable):\(path.printable)" }.joined(separator: ", ")
            return count == hosts.count ? names : "\(count) of \(names)"
        }
    }

    /// The hosts of each path.
    private(set) var hosts: [String: [String]] = [:]

    init(volumeFile: [UInt8]) {
        var (isClient, host, path): (Bool, String?, String?) = (false, nil, nil)
        for line in volumeFile.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self)
                .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
            switch (words.first, words.dropFirst().first, words.dropFirst(2).first) {
            case ("volume", _, _): (isClient, host, path) = (false, nil, nil)
            case ("type", "protocol/client", _): isClient = true
            case ("option", "remote-host", let value?): host = String(value)
            case ("option", "remote-subvolume", let value?): path = String(value)
            case ("end-volume", _, _):
                if isClient, let host, let path { hosts[path, default: []].append(host) }
            default: break
            }
        }
    }

    /// The bricks that don't answer.
    ///
    /// A brick tells its own path, and the name that its host has for itself, which needn't be the one that clients know it by: bricks of the
    /// same path are counted.
    ///
    /// - Parameter answer: of `glusterfs.pathinfo` for a folder: `(<DISTRIBUTE:…> … <POSIX(/brick):host:/brick/folder> …)`.
    func missing(from answer: String) -> [Missing] {
        var seen: [String: Int] = [:]
        var rest = answer[...]
        while let start = rest.firstRange(of: "<POSIX(") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: "):") else { break }
            seen[String(rest[..<end.lowerBound]), default: 0] += 1
            rest = rest[end.upperBound...]
        }
        // An answer of another form says nothing.
        guard !seen.isEmpty, seen.keys.allSatisfy({ hosts[$0] != nil }) else { return [] }
        return hosts.sorted { $0.key < $1.key }.compactMap { path, hosts in
            let count = hosts.count - min(hosts.count, seen[path] ?? 0)
            return count == 0 ? nil : Missing(hosts: hosts, path: path, count: count)
        }
    }
}
