/// What bash needs besides the parser's script: it splits words at colons, as in `unit:0:0:1`, and leaves quotes and backslashes in them.
enum BashWords {
    /// The last line of the parser's script, which ``script`` takes the place of.
    static let registration = "complete -o filenames -F _sanctl sanctl"

    /// The parser's script with our own entry; as it was where it doesn't end as expected.
    static func completing(_ generated: String) -> String {
        let text = generated.hasSuffix("\n") ? generated.dropLast() : generated[...]
        return text.hasSuffix(registration) ? text.dropLast(registration.count) + script : generated
    }

    private static let script = #"""
        # Joins the words that bash has split at colons, takes their quotes away, and gives back what isn't typed yet.
        __sanctl_whole_words() {
            local -a words=()
            local rest="${COMP_LINE}" word gap
            local -i index at=0
            for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
                word="${COMP_WORDS[index]}"
                gap="${rest%%[![:space:]]*}"
                rest="${rest#"${gap}"}"
                rest="${rest#"${word}"}"
                if ((index > 0)) && [[ -z "${gap}" && ("${word}" == :* || "${words[-1]}" == *:) ]]; then
                    words[-1]+="${word}"
                else
                    words+=("${word}")
                fi
                ((index == COMP_CWORD)) && at=$((${#words[@]} - 1))
            done
            local last="${COMP_WORDS[COMP_CWORD]}"
            [[ "${last}" == :* ]] && last=''
            local typed="${words[at]%"${last}"}"
            typed="${typed//\\/}"
            words[at]="${words[at]//\\/}"
            words[at]="${words[at]#[\"\']}"
            local -a COMP_WORDS=("${words[@]}")
            local -i COMP_CWORD=at
            _sanctl "${1}" "${words[at]}" "${words[at > 0 ? at - 1 : 0]}"
            COMPREPLY=("${COMPREPLY[@]#"${typed}"}")
        }

        complete -o filenames -F __sanctl_whole_words sanctl
        """#
}
