import CLibFuzzer
import SANModel
import SANXML

/// libFuzzer with its usual arguments: `FuzzXML CORPUS… -max_total_time=60`.
@main struct FuzzXML {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        // SwiftPM gives every program its own main function, so libFuzzer's is not used.
        let status = LLVMFuzzerRunDriver(&count, &arguments) { start, count in
            if let fault = XMLRobustness.fault(in: [UInt8](UnsafeBufferPointer(start: start, count: count))) {
                fatalError(fault)
            }
            return 0
        }
        precondition(status == 0, "libFuzzer ended with \(status)")
    }
}
