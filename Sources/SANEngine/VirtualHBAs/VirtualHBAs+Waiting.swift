import SANHost
import SANModel

extension VirtualHBAs {
    /// How long a new port's login is waited for before its state is told as it is.
    private static let loginLimit: Duration = .seconds(5)

    /// Waits until the fabric has let a new port in, for a few seconds; one that it hasn't is told by its state.
    func awaitLogin(of port: FCHost, until deadline: Deadline) async throws(StorageError) {
        let host = host
        do throws(StorageError) {
            try await events.wait(
                for: "the login of \(port.name)", in: Self.subsystems, until: min(.after(Self.loginLimit), deadline)
            ) { () throws(StorageError) -> Void? in
                guard let now = try FCHost(number: port.number, on: host) else { return () }
                let isParentUp = try now.virtual.flatMap { virtual throws(StorageError) in
                    try FCHost(number: virtual.parent, on: host)
                }?.isLoggedIn
                return now.isLoggedIn || isParentUp != true ? () : nil
            }
        } catch {
            guard error.code == .timedOut else { throw error }
        }
    }

    /// Waits until there is an HBA that the port can be made on, or the port itself; for boot, where HBAs log in while services start.
    ///
    /// What is still in the way at the deadline is for ``create(_:coordinator:until:preparing:)`` to tell.
    func awaitParent(of request: VirtualHBARequest, until deadline: Deadline) async throws(StorageError) {
        let (host, hbas) = (host, self)
        do throws(StorageError) {
            try await events.wait(
                for: "an HBA for the port \(request.wwpn)", in: Self.subsystems, until: deadline.part(2, of: 3)
            ) { () throws(StorageError) -> Void? in
                let ports = try FCHost.all(on: host)
                if try hbas.existing(request, among: ports) != nil { return () }
                do throws(StorageError) {
                    _ = try request.chooseParent(among: ports)
                    return ()
                } catch {
                    guard error.code == .notFound || error.code == .unavailable else { throw error }
                    return nil
                }
            }
        } catch {
            guard error.code == .timedOut else { throw error }
        }
    }
}
