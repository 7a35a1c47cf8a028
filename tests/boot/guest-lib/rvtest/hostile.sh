# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced on top of lib.sh: one driver on one device that misbehaves. Every step is bounded; what came of it is a
# line "STEP STATUS MILLISECONDS" with the status "stuck" for one that was left behind.

# What clock() sets.
now=0

# Steps tell their ends here, and every second has a line. A step that was left behind may tell its own much later, perhaps
# beside those of another cell.
[ -p /tmp/hostile.ends ] || mkfifo /tmp/hostile.ends
exec 4<>/tmp/hostile.ends
(while sleep 1; do echo tick >&4; done) </dev/null >/dev/null 2>&1 &
ticker=$!
trap 'kill "$ticker"' EXIT

# Runs COMMAND for at most SECONDS and prints its line as STEP; its output goes to /tmp/hostile.STEP. With few programs: each
# takes long on an emulated processor whose kernel looks at every access.
step() {
    name=$1 seconds=$2 file=/tmp/hostile.$1
    shift 2
    clock
    begin=$now
    (
        "$@" >"$file" 2>&1 4>&-
        status=$?
        clock
        echo "$name $begin $status $((now - begin))" >&4
    ) </dev/null >/dev/null 2>&1 &
    while [ $((now - begin)) -lt $((seconds * 1000)) ]; do
        read -r of since status took <&4
        if [ "$of $since" = "$name $begin" ]; then
            echo "$name $status $took"
            return 0
        fi
        clock
    done
    echo "$name stuck $((now - begin))"
    return 1
}

# The disk of the function, once udev's part is done: the node is there as soon as the disk is.
has_disk() { disk_of "$1" >/dev/null; }
has_nic() { nic_of "$1" >/dev/null; }

# Loads a disk, as far as it goes: a program with a thread that waits for the device for ever does not end.
load_disk() {
    # None that a load left behind there would write to.
    rm -f /tmp/hostile.report
    mkfifo /tmp/hostile.report
    /rvtest/load "$@" >/tmp/hostile.report 2>&1 4>&- &
    sed '/^end$/q' /tmp/hostile.report
}

# Binds DRIVER to the PCI function ADDRESS; its module may have gone with the cell before.
load_and_bind() {
    [ -e "/sys/bus/pci/drivers/$2" ] || modprobe "$2" || return
    bind "$1" "$2"
}

# The module goes, if it is there.
remove_module() {
    [ ! -e "/sys/module/$1" ] || rmmod "$1"
}

# Takes the driver off the PCI function ADDRESS by HOW, within BOUND seconds: unbind, or rmmod:MODULE.
take_off() {
    [ -e "/sys/bus/pci/devices/$1/driver" ] || return 0
    case $3 in
    unbind) step unbind "$2" unbind "$1" ;;
    rmmod:*) step unbind "$2" remove_module "${3#rmmod:}" ;;
    esac
}

# hostile_disk ADDRESS DRIVER HOW-OFF BOUND REQUEST-TIMEOUT ROUNDS MOST-MS LOAD; a request that takes MOST-MS is left behind, and
# the load after LOAD seconds.
hostile_disk() {
    step bind "$4" load_and_bind "$1" "$2" || return 0
    if has_disk "$1"; then
        disk=$(disk_of "$1")
        echo "disk $disk"
        queue=/sys/block/$disk/queue
        if [ -w "$queue/io_timeout" ]; then echo "$(($5 * 1000))" >"$queue/io_timeout"; fi
        # Attributes that make the driver ask the device.
        step attributes 10 cat "/sys/block/$disk/serial" "/sys/block/$disk/cache_type" "$queue/write_cache" || return 0
        step load "$8" load_disk "/dev/$disk" 4 "$6" "$7" || return 0
        cat /tmp/hostile.load
        # The removal would wait for requests that do not end.
        if grep -q '^sum .* [1-9][0-9]* [0-9]*$' /tmp/hostile.load; then return; fi
    fi
    take_off "$1" "$4" "$3"
}

# Runs a command, of whose like the first one's status and the slowest one's time count.
timed() {
    clock
    asked=$now
    "$@" >/dev/null 2>&1
    status=${status:-$?}
    clock
    took=$((now - asked))
    if [ $took -gt "$slowest" ]; then slowest=$took; fi
}

# Pings, commands and TCP with checksums, as far as they go; "ends 0" if the last pings were answered.
card_load() {
    ping -q -c 40 -i 0.01 -W 1 10.0.2.2 | sed -n 's/^.* \([0-9]*\) received.*/pings \1/p'
    for mode in on off; do ip link set "$1" promisc $mode; done
    status='' slowest=0
    timed ip link set "$1" address 52:54:00:77:00:99
    for mode in off on; do timed ethtool -K "$1" rx-gro-hw $mode; done
    for pairs in 2 1; do timed ethtool -L "$1" combined $pairs; done
    for mtu in 1400 1500; do timed ip link set "$1" mtu $mtu; done
    timed ip link set "$1" address 52:54:00:77:00:98
    echo "command $status $slowest"
    # As much as comes: what is short is no answer, and not a wrong one.
    echo "GET $3" | timeout 6 nc 10.0.2.2 "$2" >/tmp/hostile.get
    echo "get $(wc -c </tmp/hostile.get) $(sha256sum </tmp/hostile.get | cut -d ' ' -f 1)"
    answer=$({ echo "PUT $3"; head -c "$3" /bin/busybox; } | timeout 6 nc 10.0.2.2 "$2")
    echo "put ${answer:-none} $(head -c "$3" /bin/busybox | sha256sum | cut -d ' ' -f 1)"
    for _ in 1 2 3; do
        if ping -q -c 2 -i 0.1 -W 1 10.0.2.2 >/dev/null; then echo "ends 0" && return; fi
    done
    echo "ends 1"
}

# hostile_card ADDRESS DRIVER HOW-OFF BOUND PORT BYTES
hostile_card() {
    step bind "$4" load_and_bind "$1" "$2" || return 0
    if has_nic "$1"; then
        nic=$(nic_of "$1")
        echo "nic $nic"
        step up "$4" user_net_up "$nic" || return 0
        step load $(($4 * 3)) card_load "$nic" "$5" "$6" || return 0
        cat /tmp/hostile.load
        step statistics 5 ethtool -S "$nic"
        step down "$4" user_net_down "$nic"
    fi
    take_off "$1" "$4" "$3"
}
