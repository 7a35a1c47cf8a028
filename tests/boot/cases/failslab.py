# SPDX-License-Identifier: GPL-2.0
"""Allocations fail at random while drivers are bound, used and taken off: nothing is said, lost or left behind.

On the KUnit kernel, which checks locks. In each round every fourth allocation of slab memory fails that one of the drivers has
on its stack, be it its own or one that the kernel makes for it; then the drivers are taken off their devices and bound
again. Some rounds end without a disk or a card. While a disk is there it is written and read, and what is read is what was
written. When memory is there again both drivers are bound, and data and packets are right. `make test-long` does this on the
debug kernel, which finds memory that is used after it was freed, and leaks, more often.

Rows: T47
"""

import os

from harness import devices, exercise, failing
from harness.peer import Peer

LONG = bool(os.environ.get("RVIRTIO_LONG"))
KERNEL = "debug" if LONG else "kunit"
ROUNDS = 20 if LONG else 15
TIMEOUT = 3600 if LONG else 400
SETUP = (f"guest:{KERNEL}",)
PERCENT = 25


def rounds(t, g, module, device, use):
    """Binds one driver again and again; gives how often that went well."""
    address, went = g.pci(device), 0
    failing.begin(g, "failslab", module, PERCENT)
    for _ in range(ROUNDS):
        g.run(f"unbind {address}")
        if g.run(f"bind {address} {module}")[0] == 0:
            went += 1
            g.run(use, 60)
    failed = failing.end(g, "failslab")
    t.check(failed > 0 and went < ROUNDS, f"{module}: {failed} allocations have failed, {went} times it was bound all the same")
    if g.run(f"[ -e /sys/bus/pci/devices/{address}/driver ]")[0] != 0:
        g.sh(f"bind {address} {module}")


def run(t):
    """One boot."""
    args = (*devices.BARE, "--kernel", KERNEL, "--memory", "1G")
    qemu = devices.disk("disk", t.disk("disk.img", 32 << 20), addr=4, num__queues=2) + devices.user_net("nic", addr=3)
    with Peer() as peer, t.boot(args=args, qemu=qemu, seconds=TIMEOUT) as g:
        disk_use = f"disk_round_trip /dev/$(disk_of {g.pci('disk')}) 1 12k"
        rounds(t, g, "rvirtio_blk", "disk", disk_use)
        g.sh(disk_use, 60)
        rounds(t, g, "rvirtio_net", "nic", f"user_net_up $(nic_of {g.pci('nic')}); ping -c 3 -i 0.2 -W 2 10.0.2.2")
        exercise.card(t, g, g.sh(f"nic_of {g.pci('nic')}"), peer, 1 << 18)
        if LONG:
            t.equal(g.sh("leaks", 300), "", "leaks")
