#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034 # sanctl and work are the caller's, ours and theirs are for its functions
# The bench's rows of gluster, against libvirt and qemu-img on a Gluster volume of one brick; sourced, not run.
# Needs: Scripts/measure.bash. Everything is below $work.

gluster_pid=
gluster_address=
gluster_folder= # gluster_start sets these
gluster_brick=

gluster_tool() { gluster --mode=script --glusterd-sock="$gluster_folder/socket" --log-file="$gluster_folder/cli.log" "$@" >/dev/null; }

gluster_start() {
    gluster_folder=$work/gluster
    # The port can't be moved, so it has an address of its own; 127.0.0.1 it doesn't take.
    gluster_address=127.$((RANDOM % 64 + 64)).$((RANDOM % 256)).$((RANDOM % 253 + 2))
    mkdir -p "$gluster_folder"/{work,run}
    cat >"$gluster_folder/glusterd.vol" <<VOL
volume management
    type mgmt/glusterd
    option working-directory $gluster_folder/work
    option run-directory $gluster_folder/run
    option glusterd-sockfile $gluster_folder/socket
    option transport-type socket
    option transport.socket.bind-address $gluster_address
    option transport.socket.listen-port 24007
    option ping-timeout 0
    option base-port $((30000 + RANDOM % 1000 * 20))
end-volume
VOL
    setsid glusterd -N -f "$gluster_folder/glusterd.vol" -l "$gluster_folder/glusterd.log" -L WARNING \
        >"$gluster_folder/out" 2>&1 </dev/null &
    gluster_pid=$!
    local _
    for _ in $(seq 1 300); do
        gluster_tool pool list 2>/dev/null && break
        sleep 0.1
    done
    # A brick keeps what it knows of files in extended attributes, which a folder in memory hasn't.
    gluster_brick=$(mktemp -d /var/tmp/sanctl-bench-brick.XXXXXX)
    gluster_tool volume create v "$gluster_address:$gluster_brick/v" force
    gluster_tool volume start v
}

gluster_stop() {
    [[ -n $gluster_pid ]] || return 0
    local file pid
    while read -r file; do
        read -r pid <"$file" && kill -KILL "$pid" 2>/dev/null || true
    done < <(find "$gluster_folder/run" -name '*.pid')
    kill -KILL "$gluster_pid" 2>/dev/null || true
    wait "$gluster_pid" 2>/dev/null || true
    gluster_pid=
    rm -rf "$gluster_brick"
}

gluster_pool() { # NAME FOLDER
    cat <<XML
<pool type='gluster'>
  <name>$1</name>
  <source><host name='$gluster_address'/><name>v</name><dir path='$2'/></source>
</pool>
XML
}

bench_gluster() {
    local file ours theirs uri
    gluster_start
    mkdir "$gluster_brick/v/many"
    qemu-img create -q -f qcow2 "$work/one.image" 64M
    # On the brick itself: the first look at each, by the start of the pool, makes it Gluster's.
    for file in $(seq 1 10000); do echo "$gluster_brick/v/many/v$file.qcow2"; done |
        xargs -n 500 sh -c 'for f; do cp --sparse=always "$0" "$f"; done' "$work/one.image"
    gluster_pool gmany /many >"$work/gmany.xml"
    define_both gmany "$work/gmany.xml"
    expect "volumes of sanctl" "$("$sanctl" -q volume list gmany | grep -c 'gluster://')" 10000
    expect "volumes of libvirt" "$(peer vol-list gmany | grep -c 'gluster://')" 10000
    theirs=$(runs=3 peer_time pool-refresh gmany)
    # A pool that starts has no last list: every header is read.
    first_refresh() {
        "$sanctl" -q pool stop gmany
        once "$sanctl" -q pool start gmany
    }
    ours=$(for _ in $(seq 1 "$runs"); do first_refresh; done | median)
    row "gluster start, 10,000 qcow2 files" "$(milliseconds "$ours")" "$(milliseconds "$theirs")" "$(ratio "$ours" "$theirs")" "" ""
    ours=$(wall "$sanctl" pool refresh gmany)
    row_of_times "gluster refresh, 10,000 qcow2 files" "$ours" "$theirs" 0.100

    gluster_pool gluster-bulk / >"$work/gbulk.xml"
    "$sanctl" -q pool define "$work/gbulk.xml"
    "$sanctl" -q pool start gluster-bulk
    "$sanctl" -q volume create-as gluster-bulk bulk.raw 1G --allocation 0
    head -c 1G /dev/urandom >"$work/gbulk.raw"
    uri=gluster://$gluster_address/v/bulk.raw
    gluster_upload() { once "$sanctl" -q volume upload bulk.raw "$work/gbulk.raw" --pool gluster-bulk; }
    gluster_convert() { once qemu-img convert -n -f raw -O raw "$work/gbulk.raw" "$uri" 2>>"$work/gluster/qemu.log"; }
    gluster_upload >/dev/null
    cmp "$work/gbulk.raw" "$gluster_brick/v/bulk.raw"
    take_turns gluster_upload gluster_convert
    row_of_rates "gluster upload 1 GiB, rate against qemu-img" "$ours" "$theirs" 0.900
    gluster_stop
}
