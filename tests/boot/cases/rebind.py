# SPDX-License-Identifier: GPL-2.0
"""50 rounds of unbind and bind, and 10 of rmmod and insmod, leave no memory, port or interrupt behind.

Between the rounds both devices do I/O, in each the interface is opened and closed. /proc/ioports,
/proc/interrupts and the device lists are equal before and after; memory must not go down with the
rounds: an object of a slab cache or a few pages a round are seen.

Rows: T21 T51 T70 T96 T108 N39 B66
"""

from harness import devices, leaks
from harness.registers import ACKNOWLEDGE, Registers

TIMEOUT = 400
ROUNDS = 50


def run(t):
    """The rounds."""
    qemu = devices.disk("disk", t.disk("disk.img", 64 << 20)) + devices.user_net("nic")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disk_at, nic_at = g.pci("disk"), g.pci("nic")
        drivers = g.sh(f"driver_of {disk_at}; driver_of {nic_at}").split()
        g.sh(f"""
cat >/tmp/round <<'END'
. /rvtest/lib.sh
for n in $(seq $1); do
    unbind {disk_at} && unbind {nic_at} && bind {disk_at} {drivers[0]} && bind {nic_at} {drivers[1]} || exit 1
    nic=$(nic_of {nic_at})
    ip link set $nic up && ip link set $nic down || exit 1
done
END
cat >/tmp/use <<'END'
. /rvtest/lib.sh
disk=$(disk_of {disk_at})
nic=$(nic_of {nic_at})
disk_round_trip /dev/$disk 1 64k && user_net_up $nic && ping -c 1 -W 5 10.0.2.2 >/dev/null && ip link set $nic down
END
""")
        g.sh("for n in 1 2 3 4 5; do sh /tmp/round 2 && sh /tmp/use || exit 1; done", 60)
        before = g.sh("resources")
        leaks.check(t, g, f"sh /tmp/round {ROUNDS}", ROUNDS, f"{ROUNDS} rounds", 120)
        g.sh("sh /tmp/use")
        t.equal(g.sh("resources"), before, "ports, interrupts and devices after the rounds")
        if not t.rust:
            return
        g.sh("for n in 1 2 3 4 5 6 7 8 9 10; do rmmod rvirtio_blk rvirtio_net && "
             "modprobe rvirtio_blk && modprobe rvirtio_net || exit 1; done", 60)
        t.equal(g.sh("resources"), before, "ports, interrupts and devices after rmmod and insmod")
        g.sh(f"disk_round_trip /dev/$(disk_of {disk_at}) 1 64k")
        g.sh("rmmod rvirtio_blk rvirtio_net")
        t.equal(g.sh("grep -h rvirtio /proc/interrupts /proc/ioports; true"), "", "what is left without the modules")
        for name in ("disk", "nic"):
            t.equal(Registers(g, name).status, ACKNOWLEDGE, f"{name}: STATUS without a driver")
