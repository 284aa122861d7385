#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034 # work and runs are the caller's, ours and theirs are for it
# The bench's tools: libvirt as the peer, times, and the rows of the table; sourced, not run.
# Needs: $work, a folder; $runs, how often each is measured. Sets: $libvirtd_pid.

# What fails within $( ) ends the bench too: the time of an error is nobody's figure.
shopt -s inherit_errexit

# --- the peer -------------------------------------------------------------------------------------------------------

libvirtd_pid=

libvirtd_start() {
    local drivers
    drivers=$(echo /usr/lib/*/libvirt/connection-driver)
    mkdir -p "$work"/libvirt/{etc,var,run,cache,log,drivers} /etc/libvirt /var/lib/libvirt /run/libvirt /var/cache/libvirt
    ln -s "$drivers/libvirt_driver_storage.so" "$drivers/libvirt_driver_secret.so" "$work/libvirt/drivers/"
    cat >"$work/libvirt/libvirtd.conf" <<CONF
unix_sock_dir = "$work/libvirt/run"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:$work/libvirt/log/libvirtd.log"
host_uuid = "11111111-2222-3333-4444-555555555555"
CONF
    # shellcheck disable=SC2016
    LIBVIRT_DRIVER_DIR=$work/libvirt/drivers setsid unshare --mount sh -c '
        d=$1/libvirt
        mount --make-rprivate / && mount --bind "$d/etc" /etc/libvirt && mount --bind "$d/var" /var/lib/libvirt &&
        mount --bind "$d/run" /run/libvirt && mount --bind "$d/cache" /var/cache/libvirt || exit 1
        exec libvirtd -f "$d/libvirtd.conf" -p "$d/libvirtd.pid"' sh "$work" >"$work/libvirt/log/out" 2>&1 </dev/null &
    libvirtd_pid=$!
    for _ in $(seq 1 3000); do
        [[ -S $work/libvirt/run/libvirt-sock ]] && peer pool-list >/dev/null 2>&1 && return 0
        kill -0 "$libvirtd_pid" 2>/dev/null || break
        sleep 0.01
    done
    cat "$work/libvirt/log/"* >&2
    return 1
}

libvirtd_stop() {
    [[ -n $libvirtd_pid ]] || return 0
    kill -KILL "$libvirtd_pid" 2>/dev/null || true
    wait "$libvirtd_pid" 2>/dev/null || true
    libvirtd_pid=
}

peer() { virsh --connect "storage+unix:///system?socket=$work/libvirt/run/libvirt-sock" "$@"; }

# --- measuring ------------------------------------------------------------------------------------------------------

now() { echo $((${EPOCHREALTIME/./})); }
median() { sort --numeric-sort | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Microseconds that a command takes.
once() {
    local begin
    begin=$(now)
    "$@" >/dev/null
    echo $(($(now) - begin))
}

# Microseconds that virsh -t gives for a command.
peer_once() { peer --timing "$@" | sed -nE 's/^\(Time: ([0-9.]+) ms\)$/\1/p' | awk '{ printf "%d\n", $1 * 1000 }'; }

# The medians of $runs of them.
wall() { for _ in $(seq 1 "$runs"); do once "$@"; done | median; }
peer_time() { for _ in $(seq 1 "$runs"); do peer_once "$@"; done | median; }

# The medians of two that take turns, so that neither has the quieter machine: sets ours and theirs.
# Each is a function that says its microseconds, and may prepare and clear up besides.
take_turns() { # OUR-FUNCTION THEIR-FUNCTION
    : >"$work/ours"
    : >"$work/theirs"
    for _ in $(seq 1 "$runs"); do
        "$1" >>"$work/ours"
        "$2" >>"$work/theirs"
    done
    ours=$(median <"$work/ours")
    theirs=$(median <"$work/theirs")
}

# --- the table ------------------------------------------------------------------------------------------------------

row() { # WHAT OURS PEER RATIO TARGET MET
    printf '| %-46s | %11s | %11s | %7s | %-17s | %-3s |\n' "$@"
}
# Whether all of these hold: a figure, <= or >=, a limit, and again.
met() {
    while (($#)); do
        awk -v a="$1" -v b="$3" -v up="$2" 'BEGIN { exit !(up == "<=" ? a <= b : a >= b) }' || { echo no; return; }
        shift 3
    done
    echo yes
}
milliseconds() { awk -v t="$1" 'BEGIN { printf "%.1f ms", t / 1000 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
row_of_times() { # WHAT OURS PEER LIMIT
    local found
    found=$(ratio "$2" "$3")
    row "$1" "$(milliseconds "$2")" "$(milliseconds "$3")" "$found" "<= $4" "$(met "$found" "<=" "$4")"
}
row_of_rates() { # WHAT OUR-TIME PEER-TIME LIMIT
    local found
    found=$(ratio "$3" "$2")
    row "$1" "$(milliseconds "$2")" "$(milliseconds "$3")" "$found" ">= $4" "$(met "$found" ">=" "$4")"
}

# A figure counts only where the work was done.
expect() { # WHAT FOUND WANTED
    [[ $2 == "$3" ]] || { echo "bench: $1: $2, not $3" >&2; return 1; }
}
