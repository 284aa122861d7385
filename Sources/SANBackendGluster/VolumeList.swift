import SANEngine
import SANHost
import SANModel
import SANXML

/// Asks a server for its volumes through the program `gluster`: libgfapi has no call for it.
struct VolumeList: Sendable {
    let commands: any CommandRunner

    /// - Returns: names, sorted.
    /// - Throws: `unsupported` for another port than Gluster's own, `unavailable`, `timed_out`, `backend_failure`, `malformed_definition`.
    func volumes(of server: GlusterServer, until deadline: Deadline) async throws(StorageError) -> [String] {
        guard server.port == nil || server.port == GlusterServer.usualPort else {
            throw StorageError(
                .unsupported,
                "The program 'gluster' asks port \(GlusterServer.usualPort) only: leave the port out, or define the pool by hand",
                subject: .host(server.host.printable))
        }
        var arguments = ["--mode=script", "--xml", "--log-file=/dev/null", "--remote-host=\(server.host)"]
        if server.host.contains(":") { arguments.append("--inet6") }
        arguments += ["volume", "info", "all"]
        let output = try await commands.run(Command(.gluster, arguments, outputLimit: 16 << 20), until: deadline)
        guard output.status == 0 else {
            // It says on its standard output, as text, that it couldn't connect.
            let said = String(decoding: output.output.prefix(4096), as: UTF8.self) + " " + output.diagnostics
            let line = said.split(whereSeparator: \.isNewline).joined(separator: " ").printable
            throw StorageError(
                .unavailable, "The Gluster server on \(server) doesn't tell its volumes: \(line)",
                subject: StorageError.Subject([.host: server.host.printable, .tool: "gluster"]))
        }
        return try VolumeList.parse(output.output)
    }

    /// The names in the answer of `gluster --xml volume info`; one that no pool could have is left out.
    ///
    /// - Throws: `backend_failure` where the answer says that it failed, or isn't one.
    static func parse(_ document: [UInt8]) throws(StorageError) -> [String] {
        let answer: ElementTexts
        do throws(StorageError) {
            answer = try ElementTexts(document)
        } catch {
            throw StorageError(.backendFailure, "The answer of 'gluster' can't be read", causes: [error])
        }
        guard answer.texts(["opRet"]).first == "0" else {
            let reason = answer.texts(["opErrstr"]).first ?? ""
            throw StorageError(.backendFailure, "'gluster volume info' failed: \(reason.printable)")
        }
        let names = answer.texts(["volInfo", "volumes", "volume", "name"])
        return Set(names.filter { GlusterSource.isVolumeName($0) }).sorted()
    }
}

extension Tool {
    static let gluster = Tool(name: "gluster", package: "glusterfs-cli")
}
