# SPDX-License-Identifier: GPL-2.0
"""A probe that fails late leaves nothing behind, and the device marked FAILED.

QEMU offers disks with blocks of 2 MiB, which Linux refuses when the disk is added, after queues and
interrupts are up. 30 tries later no port, no interrupt and no memory is missing, STATUS says FAILED,
and a disk beside it is not disturbed.

Rows: T14 T20 T70 T96 B42
"""

from harness import devices, leaks
from harness.registers import FAILED, Registers

TIMEOUT = 200
ROUNDS = 30


def run(t):
    """One impossible disk and one good one."""
    qemu = devices.disk("bad", t.disk("bad.img", 64 << 20), logical_block_size=2 << 20, physical_block_size=2 << 20)
    qemu += devices.disk("good", t.disk("good.img", 32 << 20))
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        bad, good = g.pci("bad"), g.pci("good")
        t.check(g.run(f"disk_of {bad}")[0] != 0, "a disk with blocks of 2 MiB was added")
        t.check(Registers(g, "bad").status & FAILED, f"STATUS is {Registers(g, 'bad').status:#x}, not FAILED")
        if not t.rust:
            return
        t.equal(g.sh(f"driver_of {bad}"), "none", "the driver of the failed disk")
        tries = "for n in $(seq {}); do bind " + bad + " rvirtio_blk 2>/dev/null && exit 1; done; true"
        g.sh(tries.format(5), 30)
        before = g.sh("resources")
        leaks.check(t, g, tries.format(ROUNDS), ROUNDS, f"{ROUNDS} failed probes", 60)
        t.equal(g.sh("resources"), before, "ports and interrupts after the tries")
        t.check(Registers(g, "bad").status & FAILED, "STATUS is not FAILED after the tries")
        g.sh(f"disk_round_trip /dev/$(disk_of {good}) 1 64k")
