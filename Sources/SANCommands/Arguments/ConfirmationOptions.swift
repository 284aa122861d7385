import ArgumentParser

/// The option `--yes`.
struct ConfirmationOptions: ParsableArguments {
    @Flag(help: "Do it without asking; needed without a terminal.")
    var yes = false
}
