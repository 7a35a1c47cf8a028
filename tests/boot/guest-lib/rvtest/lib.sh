# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced before every script of a case.

# Sets `now` to the milliseconds since boot.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}0
}

# Milliseconds since boot.
uptime_ms() {
    clock
    echo "$now"
}

# The block device's name of the PCI function ADDRESS.
disk_of() {
    for entry in "/sys/bus/pci/devices/$1"/block/* "/sys/bus/pci/devices/$1"/virtio*/block/*; do
        [ -d "$entry" ] && echo "${entry##*/}" && return 0
    done
    return 1
}

# The network interface's name of the PCI function ADDRESS.
nic_of() {
    for entry in "/sys/bus/pci/devices/$1"/net/* "/sys/bus/pci/devices/$1"/virtio*/net/*; do
        [ -d "$entry" ] && echo "${entry##*/}" && return 0
    done
    return 1
}

# The driver's name of the PCI function ADDRESS, or "none".
driver_of() {
    if [ -e "/sys/bus/pci/devices/$1/driver" ]; then
        basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
    else
        echo none
    fi
}

# Lines of /proc/interrupts of the PCI function ADDRESS: "number count name".
interrupts_of() {
    [ -d "/sys/bus/pci/devices/$1/msi_irqs" ] || return 0
    (cd "/sys/bus/pci/devices/$1/msi_irqs" && printf '%s\n' *) | awk '
        NR == FNR { wanted[$1 ":"]; next }
        FNR == 1 { cpus = NF; next }
        $1 in wanted { n = 0; for (i = 2; i <= cpus + 1; i++) n += $i
                       printf "%d %d %s\n", $1, n, $NF }' - /proc/interrupts
}

# All interrupts that the PCI function ADDRESS has had: the sum over its vectors, or its INTx line.
interrupt_count_of() {
    if [ -d "/sys/bus/pci/devices/$1/msi_irqs" ]; then
        interrupts_of "$1" | awk '{ n += $2 } END { print n + 0 }'
    else
        awk -v irq="$(cat "/sys/bus/pci/devices/$1/irq"):" '
            NR == 1 { cpus = NF; next }
            $1 == irq { for (i = 2; i <= cpus + 1; i++) n += $i } END { print n + 0 }' /proc/interrupts
    fi
}

# Brings interface NIC up with the addresses of QEMU's user network.
user_net_up() {
    ip link set "$1" up
    ip addr add 10.0.2.15/24 dev "$1" 2>/dev/null
    ip route replace default via 10.0.2.2 dev "$1"
}

# Takes interface NIC down, and its addresses away.
user_net_down() {
    ip addr flush dev "$1" && ip link set "$1" down
}

# Takes COUNT bytes from the runner's peer at PORT and prints their checksum.
tcp_get() {
    echo "GET $2" | nc 10.0.2.2 "$1" | sha256sum | cut -d ' ' -f 1
}

# Gives COUNT bytes of FILE to the runner's peer at PORT and prints the checksum that it answers.
tcp_put() {
    { echo "PUT $2"; head -c "$2" "$3"; } | nc 10.0.2.2 "$1"
}

# Writes MEGABYTES of random data to DEVICE in blocks of SIZE past the page cache, reads them back in
# blocks of another size, and prints the checksum. Fails if what is read is not what was written.
disk_round_trip() {
    head -c $(($2 << 20)) /dev/urandom >/tmp/rvtest.data
    dd if=/tmp/rvtest.data of="$1" bs="$3" oflag=direct conv=fsync 2>/dev/null || return 1
    wrote=$(sha256sum </tmp/rvtest.data | cut -d ' ' -f 1)
    echo 3 >/proc/sys/vm/drop_caches
    read=$(dd if="$1" bs=1M count="$2" iflag=direct 2>/dev/null | sha256sum | cut -d ' ' -f 1)
    [ "$wrote" = "$read" ] || { echo "wrote $wrote, read $read"; return 1; }
    echo "$wrote"
}

# Moves MEGABYTES of random data to the disk at the PCI address DISK and back, and by the card at CARD to the runner's
# peer at PORT, which gives as much. Says checksums, and the interrupts of both, whose counts come before and after.
pair() {
    disk=$(disk_of "$1") && nic=$(nic_of "$2") || return 1
    for at in "$1" "$2"; do
        interrupts_of "$at" | sed "s/^/line $at /"
        echo "irq $at $(cat "/sys/bus/pci/devices/$at/irq")"
        echo "count $at $(interrupt_count_of "$at")"
    done
    sum=$(disk_round_trip "/dev/$disk" "$4" 4k) || { echo "$sum"; return 1; }
    echo "disk $sum"
    user_net_up "$nic"
    if ping -c 1 -W 5 10.0.2.2 >/tmp/rvtest.ping; then
        echo "received $(tcp_get "$3" $(($4 << 20)))"
        echo "answered $(tcp_put "$3" $(($4 << 20)) /tmp/rvtest.data)"
        status=0
    else
        tail -n 2 /tmp/rvtest.ping
        status=1
    fi
    user_net_down "$nic"
    [ $status = 0 ] || return 1
    for at in "$1" "$2"; do echo "count $at $(interrupt_count_of "$at")"; done
}

# Takes the driver off the PCI function ADDRESS.
unbind() {
    echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
}

# Gives the PCI function ADDRESS to DRIVER.
bind() {
    echo "$1" >"/sys/bus/pci/drivers/$2/bind"
}

# What drivers hold: I/O ports, names of interrupts, disks and interfaces.
resources() {
    cat /proc/ioports
    awk 'NR > 1 && $1 ~ /^[0-9]+:$/ { print $NF }' /proc/interrupts | sort
    ls /sys/block /sys/class/net
}

# What a kernel that looks for leaks has found; nothing on others. An object counts once it has been there for some
# seconds, and when two looks find nobody who knows it.
leaks() {
    mount -t debugfs none /sys/kernel/debug 2>/dev/null
    set -- /sys/kernel/debug/kmemleak
    [ -e "$1" ] || return 0
    for _ in 1 2; do
        sleep 6
        echo scan >"$1" || echo "this kernel has stopped looking for leaks"
    done
    cat "$1"
}

# Kilobytes of memory that are free or could be: free pages, those that each CPU keeps for itself, and
# the page cache, after the half-used slabs are given back.
memory_kb() {
    for _ in 1 2; do
        sync
        echo 3 >/proc/sys/vm/drop_caches
        for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done 2>/dev/null
        sleep 0.3
    done
    cat /proc/meminfo /proc/zoneinfo |
        awk '/^(MemFree|Cached|Buffers):/ { n += $2 } $1 == "count:" { n += 4 * $2 } END { print n }'
}

# The objects in use of each slab cache: "name count".
slab_objects() {
    for cache in /sys/kernel/slab/*; do
        [ -L "$cache" ] || echo "${cache##*/} $(cut -d ' ' -f 1 "$cache/objects")"
    done
}
