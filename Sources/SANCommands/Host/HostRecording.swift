import ArgumentParser
import SANEngine
import SANHost
import SANModel
import SystemPackage

/// The verb `host capture [FILE]`.
struct HostRecording: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture",
        abstract: "Write what sanctl sees of this machine as one text, for a report of a fault.",
        discussion: """
            Has the part of sysfs that the SAN is, udev's records, and what iscsiadm, multipathd and dmsetup say. Never a \
            secret. Expanded below a folder, --host-root FOLDER gives the answers that this machine gives.
            """)

    @Argument(help: "Where to; - and nothing are standard output.", completion: .file())
    var file: String?

    @Flag(help: "Replace serial numbers, WWNs, iSCSI names, addresses and the host's name.")
    var replaceNames = false

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let capture = try await session.engine().capture(replacingNames: replaceNames)
        let kind = replaceNames ? "names are replaced" : "names are this machine's own"
        let text = capture.text(remark: "sanctl host capture 1: \(kind)")
        var report: Report
        if let file, file != "-" {
            try await write(text, to: file)
            report = Report(
                document: [
                    "file": .string(file), "entries": .number(UInt64(capture.entries.count)),
                    "replaced": .bool(replaceNames), "problems": .array(capture.problems.map { Problem($0).json }),
                ], notice: "\(capture.entries.count) entries written to \(file); \(kind).")
        } else {
            report = Report(.bytes(Array(text.utf8)))
        }
        report.problems = capture.problems.map { Problem($0) }
        return report
    }

    /// A regular file is replaced as a whole, with mode 0600; a pipe or a device is written to.
    private func write(_ text: String, to name: String) async throws(StorageError) {
        try await withBlockingThread(named: "san-capture", until: .never, waitingFor: name) { () throws(StorageError) in
            let bytes = Array(text.utf8)
            let path = FilePath(name)
            let status = try LocalFile(path).status()
            if status == nil || status?.isRegular == true {
                return try AtomicFile(path.removingLastComponent().isEmpty ? FilePath("./").appending(name) : path)
                    .write(bytes)
            }
            do {
                let descriptor = try FileDescriptor.open(path, .writeOnly, options: [.truncate, .closeOnExec])
                try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
            } catch {
                throw StorageError(reading: name, error as? Errno ?? .ioError)
            }
        }
    }
}
