# SPDX-License-Identifier: GPL-2.0
"""A read-only disk is read only: it says so, refuses writes, reads right, and the host's file stays.

Rows: B5
"""

import hashlib
import os

from harness import devices
from harness.registers import BLK, Registers


def run(t):
    """One read-only disk with known content."""
    image = t.directory / "disk.img"
    content = os.urandom(4 << 20)
    image.write_bytes(content)
    qemu = devices.backing("node", image, read_only=True) + devices.blk("disk", "node")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disk = g.sh(f"disk_of {g.pci('disk')}")
        t.check(Registers(g, "disk").has(BLK["RO"]), "RO is offered and not taken")
        t.equal(g.sh(f"cat /sys/block/{disk}/ro"), "1", "ro")
        status, said = g.run(f"dd if=/dev/zero of=/dev/{disk} bs=4k count=1 conv=fsync")
        t.check(status != 0, f"a write succeeded: {said}")
        t.equal(g.sh(f"blockdev --setrw /dev/{disk} 2>/dev/null; dd if=/dev/zero of=/dev/{disk} bs=4k count=1 "
                     "oflag=direct 2>/dev/null && echo written; true"), "", "a write after setting the disk writable")
        read = g.sh(f"dd if=/dev/{disk} bs=64k iflag=direct 2>/dev/null | sha256sum").split()[0]
        t.equal(read, hashlib.sha256(content).hexdigest(), "checksum of the disk in the guest")
        t.allow(r"I/O error, dev \w+, sector 0 op 0x1:\(WRITE\)", "the write that the device refuses")
    t.check(image.read_bytes() == content, "the image on the host has changed")
