import SANEngine

extension BuildOptions {
    var mode: BuildMode { overwrite ? .overwrite : noOverwrite ? .noOverwrite : .normal }

    /// The mode where building was asked for, by `--build` or by one of the others.
    func mode(ifAsked isAsked: Bool) -> BuildMode? {
        isAsked || overwrite || noOverwrite ? mode : nil
    }
}
