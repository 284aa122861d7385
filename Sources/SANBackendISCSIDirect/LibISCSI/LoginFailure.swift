import SANModel

/// Why a login failed: the status class and detail of the target's answer (RFC 7143, 11.13.5).
enum LoginFailure {
    /// The one place that turns a failed login into an error.
    ///
    /// libiscsi 1.19 gives its callback nothing but "error": the number that ends its text is the only place where the target's status
    /// can be had, so it is read from there. Without a number libiscsi itself refused what the target sent.
    static func error(text: String, portal: Portal, target: String?, checksTarget: Bool) -> StorageError {
        let name = target.map { "'\($0)'" } ?? "a discovery session"
        func failure(_ code: StorageError.Code, _ message: String) -> StorageError {
            var error = StorageError(code, message, subject: .host(portal.description))
            if let target { error = error.about(.target, target) }
            return error
        }
        switch status(in: text) {
        case 0x0201?:
            return failure(
                .authenticationFailed, "\(portal) refused the login to \(name): check the CHAP user name and secret")
        case 0x0202?:
            return failure(
                .permissionDenied,
                "\(portal) doesn't let this initiator log in to \(name): allow its name on the target")
        case 0x0203?, 0x0204?:
            return failure(
                .notFound, "\(portal) doesn't know \(target.map { "the target '\($0)'" } ?? name): check its name")
        case 0x0206?, 0x0301?, 0x0302?:
            return failure(.unavailable, "\(portal) takes no more logins to \(name) at the moment: \(text)")
        case .some:
            return failure(.backendFailure, "\(portal) refused the login to \(name): \(text)")
        case nil where checksTarget:
            return failure(
                .authenticationFailed,
                "The target at \(portal) didn't prove its identity: check the user name and secret of mutual CHAP (\(text))"
            )
        case nil:
            return failure(.backendFailure, "The login to \(name) at \(portal) failed: \(text)")
        }
    }

    /// The number in `Failed to log in to target. Status: Target not found(515)`.
    static func status(in text: String) -> UInt16? {
        guard text.contains("Status: "), text.hasSuffix(")"), let opening = text.lastIndex(of: "(") else { return nil }
        return UInt16(text[text.index(after: opening)...].dropLast())
    }
}
