# SPDX-License-Identifier: GPL-2.0
"""fsync reaches the host as a flush, once each; a disk without FLUSH gets none.

QEMU counts the flushes that its device received. The disk with FLUSH is write back, and ten
writes each followed by fsync make exactly ten flushes; ext4's fsync makes some, too. The disk
without FLUSH is write through and sees none.

Rows: B9 B34 B48
"""

from harness import devices
from harness.registers import BLK, Registers


def flushes(g, name):
    """Flushes that QEMU's device has received."""
    for entry in g.qmp.command("query-blockstats"):
        if entry.get("qdev", "").split("/")[-2:-1] == [name] or entry.get("qdev", "").endswith(f"/{name}"):
            return entry["stats"]["flush_operations"]
    raise KeyError(name)


def run(t):
    """Two disks, one with a write cache."""
    cached, through = t.disk("cached.img", 64 << 20), t.disk("through.img", 64 << 20)
    qemu = devices.disk("cached", cached) + devices.disk("through", through, config__wce=False, write__cache="off")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        names = {device: g.sh(f"disk_of {g.pci(device)}") for device in ("cached", "through")}
        t.check(Registers(g, "cached").has(BLK["FLUSH"]), "FLUSH is offered and not taken")
        t.check(not Registers(g, "through").has(BLK["FLUSH"]), "FLUSH is taken and not offered")
        for device, cache in (("cached", "write back"), ("through", "write through")):
            t.equal(g.sh(f"cat /sys/block/{names[device]}/queue/write_cache"), cache, f"{device}: write_cache")
            before = flushes(g, device)
            g.sh(f"for n in 0 1 2 3 4 5 6 7 8 9; do "
                 f"dd if=/dev/urandom of=/dev/{names[device]} bs=4k count=1 seek=$n conv=fsync,notrunc 2>/dev/null; done")
            wanted = 10 if device == "cached" else 0
            t.equal(flushes(g, device) - before, wanted, f"{device}: flushes of ten fsync")
        g.sh(f"mkfs.ext4 -q /dev/{names['cached']} && mkdir -p /new && mount -t ext4 /dev/{names['cached']} /new", 30)
        before = flushes(g, "cached")
        g.sh("dd if=/dev/urandom of=/new/file bs=4k count=1 conv=fsync 2>/dev/null")
        t.check(flushes(g, "cached") > before, "fsync of a file in ext4 made no flush")
        g.sh("umount /new")
