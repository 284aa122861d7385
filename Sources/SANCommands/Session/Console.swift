import SANModel
import Synchronization
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Where text of ours goes.
public protocol TextSink: Sendable {
    var isTerminal: Bool { get }

    /// Writes all of it.
    ///
    /// - Throws: `Errno`; `EPIPE` where the reader went away.
    func write(_ bytes: [UInt8]) throws(Errno)
}

/// An open file, pipe or terminal as a sink.
public struct DescriptorSink: TextSink {
    private let descriptor: FileDescriptor
    public let isTerminal: Bool

    public init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor.rawValue) == 1
    }

    public func write(_ bytes: [UInt8]) throws(Errno) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { buffer in
                unsafe systemWrite(descriptor.rawValue, buffer.baseAddress, buffer.count)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            let failure = Errno(rawValue: errno)
            switch failure {
            case .interrupted: continue
            case .resourceTemporarilyUnavailable: DescriptorSink.waitUntilWritable(descriptor)
            default: throw failure
            }
        }
    }

    /// A terminal or pipe that another program made non-blocking.
    private static func waitUntilWritable(_ descriptor: FileDescriptor) {
        var request = pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&request, 1, 1_000)
    }
}

/// The three standard streams, and the terminal where there is one.
public final class Console: Sendable {
    /// Standard input; `-` as a FILE.
    public let input: FileDescriptor
    /// Whether somebody can be asked: standard input and standard error are a terminal.
    public let isInteractive: Bool
    private let output: any TextSink
    private let diagnostics: any TextSink
    private let isBroken = Mutex(false)

    public init(input: FileDescriptor, output: any TextSink, diagnostics: any TextSink, isInteractive: Bool) {
        self.input = input
        self.output = output
        self.diagnostics = diagnostics
        self.isInteractive = isInteractive
    }

    /// The process's own.
    public static func standard() -> Console {
        let diagnostics = DescriptorSink(.standardError)
        return Console(
            input: .standardInput, output: DescriptorSink(.standardOutput), diagnostics: diagnostics,
            isInteractive: diagnostics.isTerminal && isatty(FileDescriptor.standardInput.rawValue) == 1)
    }

    var isOutputTerminal: Bool { output.isTerminal }
    var isDiagnosticsTerminal: Bool { diagnostics.isTerminal }

    /// Whether the reader of standard output went away.
    var isOutputBroken: Bool { isBroken.withLock { $0 } }

    /// Data, to standard output.
    ///
    /// - Throws: `host_failure`.
    func print(_ text: String) throws(StorageError) {
        try print(Array(text.utf8))
    }

    func print(_ bytes: [UInt8]) throws(StorageError) {
        do throws(Errno) {
            try output.write(bytes)
        } catch {
            if error == .brokenPipe { isBroken.withLock { $0 = true } }
            throw StorageError(.hostFailure, "Standard output can't be written: \(error)")
        }
    }

    /// Diagnostics, to standard error; there is nowhere to tell that they can't be written.
    func report(_ text: String) {
        try? diagnostics.write(Array(text.utf8))  // standard error is gone: nobody is left to tell
    }
}

/// `write(2)`, told apart from the method of the same name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
