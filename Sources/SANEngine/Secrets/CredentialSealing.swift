import Glibc
import Logging
import SANHost
import SANModel

/// Seals values with this host's key: `systemd-creds encrypt --name=NAME - -`, values on standard input and output only.
struct CredentialSealing: Sendable {
    let commands: any CommandRunner
    let logger: Logger
    /// The host's key is root's.
    var isPrivileged = geteuid() == 0

    /// - Returns: nil where this host can't: no systemd-creds, no privilege, no key; the value is kept as it is then.
    func seal(_ value: SecretBytes, named name: String, until deadline: Deadline) async throws(StorageError) -> [UInt8]?
    {
        guard isPrivileged, commands.locate(.systemdCreds) != nil else { return nil }
        var input = value.copied()
        defer { SecretBytes.wipe(&input) }
        var command = Command(.systemdCreds, ["encrypt", "--with-key=host", "--name=" + name, "-", "-"], input: input)
        defer { SecretBytes.wipe(&command.input) }
        do throws(StorageError) {
            let output = try await commands.run(command, until: deadline)
            if output.status == 0, !output.output.isEmpty { return output.output }
            logger.info("systemd-creds can't seal secrets on this host (exit \(output.status)), keeping them unsealed")
            return nil
        } catch  where error.code == .cancelled {
            throw error
        } catch {
            logger.info("systemd-creds can't seal secrets on this host: \(error.message), keeping them unsealed")
            return nil
        }
    }

    func unseal(_ blob: [UInt8], named name: String, until deadline: Deadline) async throws(StorageError) -> SecretBytes
    {
        let command = Command(
            .systemdCreds, ["decrypt", "--name=" + name, "--newline=no", "-", "-"], input: blob, outputLimit: 2 << 20)
        var output = try await commands.run(command, until: deadline)
        defer { SecretBytes.wipe(&output.output) }
        guard output.status == 0 else {
            throw StorageError(
                .hostFailure,
                "The value of secret '\(name)' can't be unsealed on this host (systemd-creds ended with \(output.status)); "
                    + "set it again",
                subject: .secret(name))
        }
        return SecretBytes(output.output)
    }
}

extension SecretBytes {
    /// A copy that the caller wipes.
    func copied() -> [UInt8] {
        withBytes { span in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(span.count)
            for index in span.indices { bytes.append(span[index]) }
            return bytes
        }
    }
}
