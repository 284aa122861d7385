import SANModel

/// The name of a backing file as its overlay has it: data, looked at as text only.
package enum BackingName {
    /// The path that a document shows.
    ///
    /// A relative name is taken from the overlay's folder, lexically, where there is one; `json:` and URIs stay as they are.
    ///
    /// - Returns: also whether the name is text; escapes stand for what isn't.
    package static func path(of name: [UInt8], in folder: String?) -> (path: String, isClean: Bool) {
        guard let text = String(validating: name, as: UTF8.self), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            return (String(decoding: name, as: UTF8.self).printable, false)
        }
        return (folder.map { resolve(text, in: $0) } ?? text, true)
    }

    package static func resolve(_ name: String, in folder: String) -> String {
        guard isPath(name) else { return name }
        var components: [Substring] = []
        let whole = name.hasPrefix("/") ? name : folder + "/" + name
        for component in whole.split(separator: "/") where component != "." {
            if component == ".." { _ = components.popLast() } else { components.append(component) }
        }
        return "/" + components.joined(separator: "/")
    }

    /// Whether QEMU takes the name as a path: no `scheme:` before the first slash.
    package static func isPath(_ name: String) -> Bool {
        guard let colon = name.firstIndex(of: ":") else { return true }
        return name[..<colon].contains("/")
    }
}
