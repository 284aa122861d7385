import SANEngine
import SANModel

/// A record of open-iscsi's database: `key = value` lines between two comments, in the order in which they came.
///
/// iscsiadm fails on a key that it doesn't know (L57) and warns about one without a value, so a record is made by editing what iscsiadm of
/// this host wrote, and empty values are left out.
struct NodeRecord {
    private var lines: [[UInt8]]

    /// - Parameter bytes: a record's file.
    init(_ bytes: [UInt8]) {
        lines = bytes.split(separator: 0x0A).map(Array.init)
    }

    /// The value of a key; nil where the record has none.
    subscript(key: String) -> String? {
        get {
            index(of: key).map { String(decoding: lines[$0].dropFirst(key.utf8.count + 3), as: UTF8.self) }
        }
        set {
            guard let newValue, !newValue.isEmpty else {
                if let index = index(of: key) { lines.remove(at: index) }
                return
            }
            put(key, Array(newValue.utf8))
        }
    }

    /// Puts the credentials of a login in, or takes out those that are there.
    ///
    /// iscsid uses credentials that stand in a record whatever the method says (open-iscsi 2.1.8, `initiator_common.c`), so they go when none
    /// are wanted.
    ///
    /// - Parameters:
    ///   - prefix: `node.session.auth` or `discovery.sendtargets.auth`.
    ///   - algorithms: the digests that may be used, the best first.
    mutating func setCredentials(_ credentials: CHAPCredentials?, prefix: String, algorithms: [String]) {
        for (suffix, identity) in [("", credentials?.initiator), ("_in", credentials?.target)] {
            self["\(prefix).username\(suffix)"] = identity?.name
            self["\(prefix).password\(suffix)"] = nil
            identity?.withSecret { span in
                var secret = span.indices.map { span[$0] }
                put("\(prefix).password\(suffix)", secret)
                SecretBytes.wipe(&secret)
            }
        }
        self["\(prefix).authmethod"] = credentials == nil ? "None" : "CHAP"
        if credentials != nil { self["\(prefix).chap_algs"] = algorithms.joined(separator: ",") }
    }

    /// The record's file; whoever takes it wipes it.
    var bytes: [UInt8] { lines.reduce(into: []) { $0 += $1 + [0x0A] } }

    /// Overwrites what the record holds.
    mutating func wipe() {
        for index in lines.indices { SecretBytes.wipe(&lines[index]) }
        lines = []
    }

    private mutating func put(_ key: String, _ value: [UInt8]) {
        let line = Array("\(key) = ".utf8) + value
        if let index = index(of: key) {
            SecretBytes.wipe(&lines[index])
            lines[index] = line
        } else {
            // Before the comment that closes the record.
            lines.insert(
                line, at: lines.last?.first == UInt8(ascii: "#") && lines.count > 1 ? lines.count - 1 : lines.count)
        }
    }

    private func index(of key: String) -> Int? {
        let start = Array("\(key) = ".utf8)
        return lines.firstIndex { $0.starts(with: start) }
    }
}

extension CHAPCredentials {
    /// Refuses what a line of a record can't hold.
    ///
    /// - Throws: `invalid_argument`.
    func requireRecordable(_ reference: SecretReference?) throws(StorageError) {
        for identity in [initiator, target].compactMap(\.self) {
            let fits = identity.withSecret { span in
                span.indices.allSatisfy {
                    (0x21...0x7E).contains(span[$0]) || (span[$0] == 0x20 && $0 > 0 && $0 < span.count - 1)
                }
            }
            guard fits, identity.name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw StorageError(
                    .invalidArgument,
                    "open-iscsi's records can't hold this CHAP name or secret: use printable ASCII, without spaces at its ends",
                    subject: StorageError.Subject(reference.map { [.secret: $0.text] } ?? [:]))
            }
        }
    }
}
