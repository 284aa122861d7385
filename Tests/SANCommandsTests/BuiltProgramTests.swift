import SANHost
import SANModel
import SystemPackage
import Testing

@testable import SANCommands

@Suite("The built program")
struct BuiltProgramTests {
    private static let pool = """
        <pool type="dir"><name>images</name><target><path>/srv/images</path></target></pool>
        """

    @Test("xml format reads a file, standard input, a pipe and a FIFO alike")
    func formats() async throws {
        let program = try BuiltProgram()
        let typed = try await program.run(["xml", "format", "-"], input: Self.pool)
        #expect(typed.status == 0 && typed.text.hasPrefix("<pool type='dir'>\n  <name>images</name>\n"))
        let others = try await program.script(
            """
            set -e
            "$SANCTL" xml format - <<<'\(Self.pool)' >"$FOLDER/a"
            "$SANCTL" xml format <(echo '\(Self.pool)') | cmp - "$FOLDER/a"
            mkfifo "$FOLDER/fifo"
            echo '\(Self.pool)' >"$FOLDER/fifo" &
            "$SANCTL" xml format "$FOLDER/fifo" | cmp - "$FOLDER/a"
            "$SANCTL" xml format "$FOLDER/a" | cmp - "$FOLDER/a"
            """)
        #expect(others.status == 0, "\(others.diagnostics)")
    }

    @Test("xml format ends in 65 with line and column; JSON errors are one line on standard error")
    func malformed() async throws {
        let program = try BuiltProgram()
        let plain = try await program.run(["xml", "format", "-"], input: "<pool>\n  <name>\n")
        #expect(plain.status == 65 && plain.output.isEmpty)
        #expect(plain.diagnostics.hasPrefix("error: standard input:"))
        let json = try await program.run(["--output=json", "xml", "format", "-"], input: "")
        #expect(json.status == 65 && json.output.isEmpty)
        #expect(json.diagnostics.contains("\"line\":") && json.diagnostics.split(separator: "\n").count == 1)
    }

    @Test("options before the noun, between noun and verb, and after the verb reach the same store")
    func optionPlaces() async throws {
        let program = try BuiltProgram()
        let folder = program.folder.appending("pool").string
        let define = ["pool", "define", "-", "--config-dir", folder]
        #expect(try await program.run(define, input: Self.pool).text == "Pool images defined.\n")
        for arguments in [
            ["--config-dir", folder, "pool", "list", "--all"], ["pool", "--config-dir=" + folder, "list", "--all"],
            ["pool", "list", "--all", "--config-dir", folder],
        ] {
            #expect(try await program.run(arguments).text.contains("\nimages inactive dir "), "\(arguments)")
        }
        #expect(!(try await program.run(["pool", "list", "--all"]).text.contains("images")))
        let environment = ["SANCTL_CONFIG_DIR": folder]
        #expect(try await program.run(["pool", "info", "images"], environment: environment).status == 0)
    }

    @Test("define, dumpxml, undefine: what is stored is what libvirt would print")
    func store() async throws {
        let program = try BuiltProgram()
        let uuid = "0b8a2c1e-5f5a-4c7e-9b0a-0123456789ab"
        let document = Self.pool.replacing("</name>", with: "</name><uuid>\(uuid)</uuid>")
        #expect(try await program.run(["pool", "define", "--validate", "-"], input: document).status == 0)
        let dumped = try await program.run(["pool", "dumpxml", "images"])
        #expect(dumped.text == (try await program.run(["xml", "format", "-"], input: document).text))
        #expect(try await program.run(["pool", "undefine", uuid]).text == "Pool images undefined.\n")
        let gone = try await program.run(["pool", "dumpxml", "images", "-ojson"])
        #expect(gone.status == 66 && gone.diagnostics.contains("\"code\":\"not_found\""))
    }

    @Test("SIGTERM and SIGINT cancel what waits, with exit code 130", arguments: ["TERM", "INT", "HUP"])
    func signals(name: String) async throws {
        let program = try BuiltProgram()
        // Opening the FIFO for writing returns when sanctl has opened it for reading: its signal watch is there by then.
        // bash ignores SIGINT for a background job unless job control is on.
        let outcome = try await program.script(
            """
            set -m
            mkfifo "$FOLDER/fifo"
            "$SANCTL" xml format "$FOLDER/fifo" -o json 2>"$FOLDER/errors" &
            exec 3>"$FOLDER/fifo"
            kill -\(name) $!
            wait $!
            echo "exit $?"
            cat "$FOLDER/errors"
            """)
        #expect(outcome.text.contains("exit 130\n"), "\(outcome.text) \(outcome.diagnostics)")
        #expect(outcome.text.contains("\"code\":\"cancelled\""))
    }

    @Test("a signal that was ignored stays ignored (nohup)")
    func ignoredSignal() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            """
            mkfifo "$FOLDER/fifo"
            trap '' HUP
            "$SANCTL" xml format "$FOLDER/fifo" >"$FOLDER/out" &
            exec 3>"$FOLDER/fifo"
            ignored=$(sed -n 's/^SigIgn:[[:space:]]*/0x/p' /proc/$!/status)
            echo "ignores HUP: $((ignored & 1))"
            kill -HUP $!
            echo '\(Self.pool)' >&3
            exec 3>&-
            wait $!
            echo "exit $?"
            """)
        #expect(outcome.text == "ignores HUP: 1\nexit 0\n", "\(outcome.diagnostics)")
    }

    @Test("a reader that goes away: no message, no signal, exit code 141")
    func brokenPipe() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            """
            exec 4> >(exit 0)
            wait $!
            "$SANCTL" --help >&4
            echo "exit $?"
            """)
        #expect(outcome.text == "exit 141\n")
        #expect(outcome.diagnostics.isEmpty)
    }

    @Test("bash completes verbs, options and the names in the store")
    func completion() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            """
            PATH=$(dirname "$SANCTL"):$PATH
            for name in san1 san2 other; do sanctl -q pool define-as $name dir --target /srv/$name; done
            set +u
            source <(sanctl --generate-completion-script bash)
            offer() {
                COMP_WORDS=(sanctl "$@") COMP_CWORD=$# COMP_LINE="sanctl $*" COMPREPLY=()
                COMP_POINT=${#COMP_LINE}
                _sanctl sanctl "${@: -1}" "${@: -2:1}"
                echo "${COMPREPLY[@]}"
            }
            offer pool st
            offer pool info sa
            offer pool list --au
            """)
        #expect(outcome.text == "start stop\nsan1 san2\n--autostart\n", "\(outcome.diagnostics)")
    }

    @Test("bash takes a volume's name as a word, colons and quotes and all, and runs nothing that is in it")
    func completionOfOddNames() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            #"""
            PATH=$(dirname "$SANCTL"):$PATH
            sanctl -q pool define-as odd dir --target "$FOLDER/odd"
            mkdir "$FOLDER/odd" && cd "$FOLDER/odd"
            touch unit:0:0:1 unit:0:0:2 "it's" 'v`touch run`' 'w$(touch run)' 'two words'
            sanctl -q pool start odd
            set +u
            source <(sanctl --generate-completion-script bash)
            offer() { # LINE WORD...: the words as bash splits them
                COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
                shift
                COMP_WORDS=(sanctl volume info "$@") COMP_CWORD=$(($# + 2))
                __sanctl_whole_words sanctl "${@: -1}" info
                (IFS='|'; echo "${COMPREPLY[*]}")
            }
            offer 'sanctl volume info u' u
            offer 'sanctl volume info unit:' unit :
            offer 'sanctl volume info unit:0:0:1' unit : 0 : 0 : 1
            offer 'sanctl volume info unit\:0' 'unit\:0'
            offer 'sanctl volume info i' i
            offer 'sanctl volume info v' v
            offer 'sanctl volume info w' w
            offer 'sanctl volume info "two' '"two'
            offer 'sanctl volume info two\ w' 'two\ w'
            ls run 2>/dev/null || echo "nothing was run"
            """#)
        #expect(
            outcome.text == #"""
                unit:0:0:1|unit:0:0:2
                0:0:1|0:0:2
                1
                unit:0:0:1|unit:0:0:2
                it's


                two words
                two words
                nothing was run

                """#, "\(outcome.diagnostics)")
    }

    @Test("zsh is given names whose colons aren't the ends of names")
    func completionForZsh() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            #"""
            mkdir "$FOLDER/odd" && touch "$FOLDER/odd/unit:0:0:1"
            "$SANCTL" -q pool define-as odd dir --target "$FOLDER/odd"
            "$SANCTL" -q pool start odd
            SAP_SHELL=zsh SAP_SHELL_VERSION=5.9 "$SANCTL" ---completion volume info -- positional@0 3 1 sanctl volume info u
            touch "$FOLDER/odd/two words"
            "$SANCTL" -q pool refresh odd
            for typed in 'two\ w' '"two'; do
                SAP_SHELL=zsh SAP_SHELL_VERSION=5.9 "$SANCTL" ---completion volume info -- positional@0 3 9 \
                    sanctl volume info "$typed" | head -n 1
            done
            """#)
        #expect(
            outcome.text == #"unit\:0\:0\:1"# + "\n \ntwo words\ntwo words\n", "\(outcome.diagnostics)")
    }

    @Test("a dir pool from its definition to its end; qemu takes what attach-info says")
    func directory() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            """
            set -e
            sanctl() { "$SANCTL" -q "$@"; }
            sanctl pool define-as images dir --target "$FOLDER/images"
            sanctl pool start images --build
            sanctl volume create-as images disk.qcow2 64M --format qcow2
            sanctl volume create-as images data.raw 8M
            head -c 3M /dev/urandom >"$FOLDER/data"
            sanctl volume upload data.raw - --offset 1M <"$FOLDER/data"
            sanctl volume download data.raw "$FOLDER/back" --offset 1M --length 3M
            cmp "$FOLDER/data" "$FOLDER/back"
            sanctl volume download data.raw - --offset 1M --length 3M | cmp - "$FOLDER/data"
            qemu-img info "json:$(sanctl volume attach-info disk.qcow2 --for qemu)" | grep 'virtual size: 64 MiB' >&2
            test "$(sanctl volume path disk.qcow2)" = "$FOLDER/images/disk.qcow2"
            sanctl volume delete disk.qcow2 --yes
            sanctl volume delete data.raw --yes
            sanctl pool stop images
            sanctl pool delete images
            sanctl pool undefine images
            test ! -e "$FOLDER/images"
            """)
        #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.diagnostics)")
    }

    @Test("a working directory that is gone is in nobody's way")
    func noWorkingDirectory() async throws {
        let program = try BuiltProgram()
        let outcome = try await program.script(
            """
            mkdir "$FOLDER/gone" && cd "$FOLDER/gone" && rmdir "$FOLDER/gone"
            "$SANCTL" pool list >/dev/null; echo $?
            "$SANCTL" pool list --config-dir x >/dev/null; echo $?
            """)
        #expect(outcome.text == "0\n64\n", "\(outcome.diagnostics)")
    }
}
