#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034 # sanctl, work, here and runs are the caller's, ours and theirs are for its functions
# The bench's rows of rbd, against libvirt and qemu-img on a Ceph cluster of one monitor and one OSD in memory; sourced, not run.
# Needs: Scripts/measure.bash. Everything is below $work.

ceph_pids=()
ceph_folder= # ceph_start sets these
ceph_port=

ceph_tool() { ceph -c "$ceph_folder/ceph.conf" --connect-timeout 60 "$@" >/dev/null 2>&1; }

ceph_start() {
    local name _
    ceph_folder=$work/ceph
    ceph_port=$((24000 + RANDOM % 500 * 16))
    mkdir -p "$ceph_folder"/{mon,osd,mgr,crash}
    cat >"$ceph_folder/ceph.conf" <<CONF
[global]
fsid = $(</proc/sys/kernel/random/uuid)
mon_host = [v2:127.0.0.1:$ceph_port,v1:127.0.0.1:$((ceph_port + 1))]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_allow_insecure_global_id_reclaim = false
keyring = $ceph_folder/keyring
run_dir = $ceph_folder
log_file = $ceph_folder/\$name.log
admin_socket =
crash_dir = $ceph_folder/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
osd_crush_chooseleaf_type = 0
mon_data = $ceph_folder/mon
mon_cluster_log_file = $ceph_folder/cluster.log
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_data = $ceph_folder/osd
osd_objectstore = memstore
memstore_device_bytes = 17179869184
mgr_data = $ceph_folder/mgr
mgr_initial_modules =
mgr_stats_period = 1
CONF
    {
        for name in mon. client.admin osd.0 mgr.x client.libvirt; do
            case $name in
            mon.) set -- --cap mon 'allow *' ;;
            client.admin) set -- --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' ;;
            osd.0) set -- --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd' ;;
            mgr.x) set -- --cap mon 'allow profile mgr' --cap osd 'allow *' ;;
            *) set -- --cap mon 'profile rbd' --cap osd 'profile rbd' --cap mgr 'profile rbd' ;;
            esac
            [[ -f $ceph_folder/keyring ]] || ceph-authtool --create-keyring "$ceph_folder/keyring"
            ceph-authtool "$ceph_folder/keyring" --gen-key --name "$name" "$@"
        done
        monmaptool --create --clobber --fsid "$(sed -n 's/^fsid = //p' "$ceph_folder/ceph.conf")" \
            --addv a "[v2:127.0.0.1:$ceph_port,v1:127.0.0.1:$((ceph_port + 1))]" "$ceph_folder/monmap"
        ceph-mon -c "$ceph_folder/ceph.conf" --mkfs -i a --monmap "$ceph_folder/monmap" --keyring "$ceph_folder/keyring"
    } >"$ceph_folder/out" 2>&1
    setsid ceph-mon -c "$ceph_folder/ceph.conf" -f -i a >"$ceph_folder/mon.out" 2>&1 </dev/null &
    ceph_pids+=($!)
    ceph_tool osd create
    ceph_tool osd crush add osd.0 1.0 root=default
    ceph-osd -c "$ceph_folder/ceph.conf" --mkfs -i 0 --osd-uuid "$(</proc/sys/kernel/random/uuid)" >>"$ceph_folder/out" 2>&1
    setsid ceph-osd -c "$ceph_folder/ceph.conf" -f -i 0 >"$ceph_folder/osd.out" 2>&1 </dev/null &
    ceph_pids+=($!)
    # It counts what pools hold.
    setsid ceph-mgr -c "$ceph_folder/ceph.conf" -f -i x >"$ceph_folder/mgr.out" 2>&1 </dev/null &
    ceph_pids+=($!)
    for _ in $(seq 1 600); do
        ceph -c "$ceph_folder/ceph.conf" osd stat 2>/dev/null | grep -q '1 up' && break
        sleep 0.1
    done
    ceph-authtool -p -n client.libvirt "$ceph_folder/keyring" | tr -d '\n' >"$ceph_folder/key"
}

ceph_stop() {
    local pid
    for pid in "${ceph_pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    ceph_pids=()
}

# A pool with so many images of 1 GiB, with a piece of data in each.
ceph_pool() { # POOL IMAGES
    ceph_tool osd pool create "$1" 8
    ceph_tool osd pool application enable "$1" rbd
    CEPH_CONF=$ceph_folder/ceph.conf /usr/bin/python3 - "$@" <<'PYTHON'
import concurrent.futures, os, sys, rados, rbd
pool, count = sys.argv[1], int(sys.argv[2])
cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], name="client.admin")
cluster.connect()
context = cluster.open_ioctx(pool)
def make(number):
    name = "v%d" % number
    rbd.RBD().create(context, name, 1 << 30)
    with rbd.Image(context, name) as image:
        image.write(b"x" * 4096, 0)
with concurrent.futures.ThreadPoolExecutor(8) as workers:
    list(workers.map(make, range(count)))
os._exit(0)
PYTHON
}

rbd_document() { # NAME POOL ALLOCATION
    cat <<XML
<pool type='rbd'>
  <name>$1</name>
  <source>
    <name>$2</name>
    <host name='127.0.0.1' port='$ceph_port'/>
    <auth type='ceph' username='libvirt'><secret usage='bench'/></auth>
  </source>
  <refresh><volume allocation='$3'/></refresh>
</pool>
XML
}

# Another driver of libvirt's than pools'.
peer_secret() { virsh --connect "secret+unix:///system?socket=$work/libvirt/run/libvirt-sock" "$@"; }

# Microseconds from the question for the names to the last one, of a refresh as its log tells them.
name_time() { # POOL
    "$sanctl" -vv pool refresh "$1" 2>&1 >/dev/null | sed -nE 's/.* names ([0-9.]+) ms.*/\1/p' |
        awk '{ printf "%d\n", $1 * 1000; found = 1 } END { exit !found }'
}

bench_rbd() {
    local ours theirs empty names small large allocation memory uuid
    ceph_start
    cat >"$work/ceph.xml" <<XML
<secret><usage type='ceph'><name>bench</name></usage></secret>
XML
    "$sanctl" -q secret define "$work/ceph.xml"
    "$sanctl" -q secret set-value ceph:bench --file "$ceph_folder/key"
    uuid=$(peer_secret secret-define "$work/ceph.xml" | grep -oE '[0-9a-f-]{36}')
    peer_secret secret-set-value "$uuid" --file "$ceph_folder/key" >/dev/null
    ceph_pool thousand 1000
    ceph_pool many 10000
    ceph_pool none 0
    for allocation in capacity default; do
        rbd_document "$allocation" thousand "$allocation" >"$work/$allocation.xml"
        "$sanctl" -q pool define "$work/$allocation.xml" 2>/dev/null || true
        "$sanctl" -q pool start "$allocation"
        peer pool-define "$work/$allocation.xml" >/dev/null
        peer pool-start "$allocation" >/dev/null
        expect "images of sanctl" "$("$sanctl" -o json volume list "$allocation" | grep -c '"key":')" 1000
        ours=$(wall "$sanctl" pool refresh "$allocation")
        theirs=$(runs=3 peer_time pool-refresh "$allocation")
        if [[ $allocation == capacity ]]; then
            row_of_times "rbd refresh, 1,000 images, capacity" "$ours" "$theirs" 0.040
            rbd_document none none default >"$work/none.xml"
            "$sanctl" -q pool define "$work/none.xml"
            "$sanctl" -q pool start none
            empty=$(wall "$sanctl" pool refresh none)
            row "the same beyond a refresh without images" "$(milliseconds $((ours - empty)))" "" "" "" ""
            names=$(for _ in $(seq 1 "$runs"); do name_time capacity; done | median)
            row "names of 1,000 images alone, once connected" "$(milliseconds "$names")" "" "" "<= 50 ms" \
                "$(met "$names" "<=" 50000)"
        else
            row_of_times "rbd refresh, 1,000 images, real usage" "$ours" "$theirs" 0.200
        fi
        # One source, one pool.
        "$sanctl" -q pool stop "$allocation"
        "$sanctl" -q pool undefine "$allocation"
        peer pool-destroy "$allocation" >/dev/null
    done

    rbd_document cmany many default >"$work/cmany.xml"
    "$sanctl" -q pool define "$work/cmany.xml"
    "$sanctl" -q pool start cmany
    small=$(peak_memory "$sanctl" pool refresh none)
    large=$(peak_memory "$sanctl" pool refresh cmany)
    memory=$(awk -v a="${large% MB}" -v b="${small% MB}" 'BEGIN { printf "%.1f", a - b }')
    row "memory of 10,000 images beyond that of none" "$memory MB" "" "" "<= 60 MB" "$(met "$memory" "<=" 60)"

    "$sanctl" -q volume create-as none bulk 1G
    head -c 1G /dev/urandom >"$work/cbulk.raw"
    rbd_upload() { once "$sanctl" -q volume upload bulk "$work/cbulk.raw" --pool none; }
    rbd_convert() { CEPH_CONF=$ceph_folder/ceph.conf once qemu-img convert -n -f raw -O raw "$work/cbulk.raw" rbd:none/bulk:id=admin; }
    rbd_upload >/dev/null
    "$sanctl" -q volume download bulk "$work/cback.raw" --pool none
    cmp "$work/cbulk.raw" "$work/cback.raw"
    rm "$work/cback.raw"
    take_turns rbd_upload rbd_convert
    row_of_rates "rbd upload 1 GiB, rate against qemu-img" "$ours" "$theirs" 0.900
    ceph_stop
}
