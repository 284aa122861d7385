import SANHost
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Turns a portal into literal addresses, before libiscsi sees it: libiscsi waits for the name service without a limit.
enum NameResolution {
    /// The addresses in the order of preference, each as `10.0.0.1:3260` or `[fd00::1]:3260`.
    ///
    /// - Throws: `not_found` for a name that doesn't exist, `unavailable` where the name service fails, `timed_out`.
    static func addresses(of portal: Portal, until deadline: Deadline) async throws(StorageError) -> [String] {
        // A literal address asks nobody: it needs neither a thread nor a deadline.
        if let addresses = try? resolve(portal, flags: AI_NUMERICHOST) { return addresses }  // a name isn't one
        return try await withBlockingThread(
            named: "san-resolve", until: deadline, waitingFor: "the address of '\(portal.host.printable)'"
        ) { () throws(StorageError) in
            try resolve(portal)
        }
    }

    private static func resolve(_ portal: Portal, flags: Int32 = 0) throws(StorageError) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = flags
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(portal.host, nil, &hints, &list)
        guard result == 0 else { throw failure(result, of: portal) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let text = unsafe literal(entry.pointee) {
                let address = Portal(host: text, port: portal.port).description
                if !addresses.contains(address) { addresses.append(address) }
            }
            unsafe next = unsafe entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw failure(EAI_NONAME, of: portal) }
        return addresses
    }

    private static func literal(_ entry: addrinfo) -> String? {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = unsafe getnameinfo(
            entry.ai_addr, entry.ai_addrlen, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
        guard result == 0 else { return nil }
        return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func failure(_ code: Int32, of portal: Portal) -> StorageError {
        let reason = unsafe String(cString: gai_strerror(code))
        let isUnknown = code == EAI_NONAME || code == -5
        return StorageError(
            isUnknown ? .notFound : .unavailable,
            isUnknown
                ? "No host is named '\(portal.host.printable)': \(reason)"
                : "The name service didn't give the address of '\(portal.host.printable)': \(reason)",
            subject: .host(portal.host.printable))
    }
}
