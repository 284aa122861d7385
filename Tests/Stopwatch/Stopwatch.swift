import SANCommands

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// For the bench: runs a command line of sanctl twice in one process, and prints the microseconds of the second run.
///
/// That is what a program has that links the library and goes on running, as libvirtd does: the loader, the parser's tables and so on are
/// behind it.
///
/// usage: san-stopwatch ARGUMENT...      what sanctl takes, with -q
@main
enum Stopwatch {
    static func main() async {
        var status = await CommandLineTool.main()
        let begin = ContinuousClock.now
        if status == 0 { status = await CommandLineTool.main() }
        let time = begin.duration(to: .now)
        if status == 0 { print(time.components.seconds * 1_000_000 + time.components.attoseconds / 1_000_000_000_000) }
        fflush(nil)
        // As sanctl ends.
        _exit(status)
    }
}
