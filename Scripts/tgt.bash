#!/usr/bin/env bash
# shellcheck disable=SC2154 # tgt_folder is the caller's
# A private tgtd (user-space iSCSI target) on loopback, for the demo and the bench; sourced, not run.
# Needs: $tgt_folder. Sets: $tgt_port, $tgt_pid.

# Debian has tgtd and tgtadm where an ordinary user's PATH doesn't lead.
PATH=$PATH:/usr/sbin:/sbin

tgt_adm() { TGT_IPC_SOCKET=$tgt_folder/socket tgtadm --control-port 1 --lld iscsi "$@"; }

tgt_listens() { [[ -n $(ss -Hltn "src = 127.0.0.1 and sport = :$1") ]]; }

tgt_start() {
    mkdir -p "$tgt_folder"
    for _ in 1 2 3 4 5; do
        tgt_port=$((20000 + RANDOM % 30000))
        # A busy port makes tgtd listen on 0.0.0.0:3260 instead, without a word: look before and after.
        [[ -z $(ss -Hltn "sport = :$tgt_port") ]] || continue
        TGT_IPC_SOCKET=$tgt_folder/socket setsid tgtd --foreground --control-port 1 --nr_iothreads 1 \
            --iscsi "portal=127.0.0.1:$tgt_port" >"$tgt_folder/log" 2>&1 </dev/null &
        tgt_pid=$!
        for _ in $(seq 1 1000); do
            tgt_adm --op show --mode sys >/dev/null 2>&1 && tgt_listens "$tgt_port" && return 0
            kill -0 "$tgt_pid" 2>/dev/null || break
            sleep 0.01
        done
        tgt_stop
    done
    echo "tgtd did not start:" >&2
    cat "$tgt_folder/log" >&2
    return 1
}

# tgtd ignores TERM and INT; KILL loses nothing that anybody wants.
tgt_stop() {
    [[ -n ${tgt_pid:-} ]] || return 0
    kill -KILL "$tgt_pid" 2>/dev/null || true
    wait "$tgt_pid" 2>/dev/null || true
    tgt_pid=
}

tgt_target() { # TID IQN
    tgt_adm --op new --mode target --tid "$1" --targetname "$2" && tgt_adm --op bind --mode target --tid "$1" --initiator-address ALL
}

tgt_lun() { # TID LUN SIZE
    truncate --size "$3" "$tgt_folder/t$1-l$2.img" &&
        tgt_adm --op new --mode logicalunit --tid "$1" --lun "$2" --backing-store "$tgt_folder/t$1-l$2.img"
}

tgt_chap() { # TID USER PASSWORD
    tgt_adm --op new --mode account --user "$2" --password "$3" && tgt_adm --op bind --mode account --tid "$1" --user "$2"
}
