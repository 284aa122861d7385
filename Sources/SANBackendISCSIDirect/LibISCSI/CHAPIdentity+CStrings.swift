import SANEngine

extension CHAPIdentity {
    /// Lends both as C strings; the copy of the secret is wiped before this returns.
    func withCStrings(_ body: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void) {
        var copy = withSecret { span in span.indices.map { span[$0] } + [0] }
        defer { SecretBytes.wipe(&copy) }
        unsafe copy.withUnsafeBytes { bytes in
            guard let password = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            unsafe name.withCString { user in unsafe body(user, password) }
        }
    }
}
