# SPDX-License-Identifier: GPL-2.0
"""A disk with blocks of 4096 bytes: the size is seen, smaller I/O refused, sectors still 512 bytes.

What the guest writes at block 100 is at byte 409600 of the image on the host.

Rows: B6 B33 B40
"""

import hashlib

from harness import devices
from harness.registers import BLK, Registers


def run(t):
    """One disk of 4 KiB blocks."""
    image = t.disk("disk.img", 32 << 20)
    qemu = devices.disk("disk", image, logical_block_size=4096, physical_block_size=4096)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disk = g.sh(f"disk_of {g.pci('disk')}")
        t.check(Registers(g, "disk").has(BLK["BLK_SIZE"]), "BLK_SIZE is offered and not taken")
        t.equal(g.sh(f"cat /sys/block/{disk}/queue/logical_block_size"), "4096", "logical_block_size")
        t.equal(int(g.sh(f"cat /sys/block/{disk}/size")), (32 << 20) // 512, "size in sectors of 512 bytes")
        status, _ = g.run(f"fio --name=small --filename=/dev/{disk} --size=4k --rw=read --bs=512 --direct=1 --output=/tmp/fio")
        t.check(status != 0, "direct I/O of 512 bytes was let through")
        g.sh("head -c 4096 /dev/urandom >/tmp/block")
        g.sh(f"dd if=/tmp/block of=/dev/{disk} bs=4096 seek=100 count=1 oflag=direct 2>/dev/null")
        wanted = g.sh("sha256sum </tmp/block").split()[0]
        read = g.sh(f"dd if=/dev/{disk} bs=4096 skip=100 count=1 iflag=direct 2>/dev/null | sha256sum").split()[0]
        t.equal(read, wanted, "block 100 read back")
        with open(image, "rb") as file:
            file.seek(409600)
            found = hashlib.sha256(file.read(4096)).hexdigest()
        t.equal(found, wanted, "byte 409600 of the image on the host")
        g.sh(f"disk_round_trip /dev/{disk} 4 64k")
        g.sh(f"mkfs.ext4 -q /dev/{disk} && mkdir -p /new && mount -t ext4 /dev/{disk} /new && cp /bin/busybox /new/ && "
             "umount /new", 30)
        g.sh(f"e2fsck -fn /dev/{disk}", 30)
