import SANEngine
import SANHost
import SANModel
import SystemPackage

/// A FILE argument that is read whole: a document, a secret.
///
/// `-` is standard input; pipes and FIFOs are fine.
struct InputFile: Sendable {
    let name: String
    private let path: String?
    private let standardInput: FileDescriptor

    init(_ argument: String, console: Console) {
        path = argument == "-" ? nil : argument
        name = argument == "-" ? "standard input" : argument
        standardInput = console.input
    }

    /// Everything in it.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that are read; more is an error.
    ///   - excess: that error's code.
    /// - Throws: `not_found`, `permission_denied`, `invalid_argument` for a folder, `excess`, `host_failure`,
    ///   `cancelled` (a pipe may never end).
    func read(
        limit: Int, excess: StorageError.Code = .invalidArgument
    ) async throws(StorageError) -> [UInt8] {
        let file = self
        return try await withBlockingThread(named: "san-input", until: .never, waitingFor: name) {
            () throws(StorageError) in
            do {
                guard let path = file.path else { return try file.readAll(file.standardInput, limit, excess) }
                let descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
                defer { try? descriptor.close() }  // it was only read
                return try file.readAll(descriptor, limit, excess)
            } catch let error as StorageError {
                throw error
            } catch let error as Errno {
                throw StorageError(reading: file.name, error)
            } catch {
                throw StorageError(.hostFailure, "\(file.name.printable) can't be read: \(error)")
            }
        }
    }

    private func readAll(_ descriptor: FileDescriptor, _ limit: Int, _ excess: StorageError.Code) throws -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        // It may be a secret.
        defer { SecretBytes.wipe(&chunk) }
        while true {
            let count = try unsafe chunk.withUnsafeMutableBytes { buffer in
                try unsafe descriptor.read(into: buffer)
            }
            if count == 0 { return result }
            result += chunk[..<count]
            guard result.count <= limit else {
                throw StorageError(
                    excess, "\(name.printable) is longer than \(limit) bytes", subject: .path(name))
            }
        }
    }
}

extension StorageError {
    /// A file of the user's that can't be opened or read.
    init(reading name: String, _ error: Errno) {
        let subject = Subject.path(name)
        switch error {
        case .noSuchFileOrDirectory, .notDirectory:
            self.init(.notFound, "There is no file \(name.printable)", subject: subject)
        case .permissionDenied, .notPermitted:
            self.init(.permissionDenied, "\(name.printable) may not be opened by this user", subject: subject)
        case .isDirectory:
            self.init(.invalidArgument, "\(name.printable) is a folder, not a file", subject: subject)
        default:
            self.init(.hostFailure, "\(name.printable) failed: \(error)", subject: subject)
        }
    }
}

extension Session {
    /// The most bytes of a document that are read: what the XML reader takes, see ``XMLDocument``.
    static let documentLimit = 16 << 20

    /// A document from a FILE argument; errors about its text name the file.
    func document<Document>(
        _ argument: String, validated: Bool = false, _ parse: ([UInt8]) throws(StorageError) -> Document
    ) async throws(StorageError) -> Document {
        let file = InputFile(argument, console: console)
        let bytes = try await file.read(limit: Session.documentLimit, excess: .malformedDefinition)
        do throws(StorageError) {
            if validated { try SchemaCheck(bytes).requireNoViolations() }
            return try parse(bytes)
        } catch {
            throw error.about(.path, file.name)
        }
    }
}
