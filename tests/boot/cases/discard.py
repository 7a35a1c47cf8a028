# SPDX-License-Identifier: GPL-2.0
"""Discard and write-zeroes reach the device, for the sectors that were meant and no others.

Of 20 MiB of random data a part is discarded and a part zeroed. QEMU counts the discards of the
image file; the zeroed part reads as zeroes, the others as before, and the discarded part of the
image no longer takes space on the host. A file system that is mounted with `discard` gives back
what its files took.

Rows: B36
"""

import os

from harness import devices
from harness.registers import BLK, Registers

MIB = 1 << 20


def unmapped(g):
    """Discards that have reached QEMU's image file, and their bytes."""
    for entry in g.qmp.command("query-blockstats"):
        if "disk" in entry.get("qdev", "").split("/"):
            counters = entry["parent"]["driver-specific"]
            return counters["discard-nb-ok"], counters["discard-bytes-ok"]
    raise KeyError("disk")


def run(t):
    """One disk."""
    image = t.disk("disk.img", 64 * MIB)
    qemu = devices.backing("disk-node", image, discard="unmap") + devices.blk("disk", "disk-node")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disk = "/dev/" + g.sh(f"disk_of {g.pci('disk')}")
        registers = Registers(g, "disk")
        for name in ("DISCARD", "WRITE_ZEROES"):
            t.check(registers.has(BLK[name]), f"{name} is offered and not taken")

        def checksum(start):
            return g.sh(f"dd if={disk} bs=1M skip={start} count=4 iflag=direct 2>/dev/null | md5sum")

        g.sh(f"dd if=/dev/urandom of={disk} bs=1M count=20 oflag=direct 2>/dev/null")
        before = {start: checksum(start) for start in range(0, 20, 4)}
        allocated = os.stat(image).st_blocks
        zeroes = g.sh("dd if=/dev/zero bs=1M count=4 2>/dev/null | md5sum")

        operations, size = unmapped(g)
        g.sh(f"blkdiscard -o $((4 << 20)) -l $((4 << 20)) {disk}")
        after = unmapped(g)
        t.check(after[0] > operations, "the discard did not reach the device")
        t.equal(after[1] - size, 4 * MIB, "bytes discarded")
        t.check(os.stat(image).st_blocks <= allocated - 4 * MIB // 512, "the image takes as much space as before")

        g.sh(f"blkdiscard -z -o $((8 << 20)) -l $((4 << 20)) {disk}")
        t.equal(checksum(8), zeroes, "4 MiB that were zeroed")
        for start in (0, 12, 16):
            t.equal(checksum(start), before[start], f"4 MiB at {start} MiB, which nobody touched")

        g.sh(f"mkfs.ext4 -q {disk} && mkdir -p /new && mount -t ext4 -o discard {disk} /new", 30)
        operations = unmapped(g)[0]
        g.sh("dd if=/dev/urandom of=/new/file bs=1M count=8 conv=fsync 2>/dev/null; rm /new/file; sync; umount /new", 30)
        t.check(unmapped(g)[0] > operations, "a removed file was not discarded")
