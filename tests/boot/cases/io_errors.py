# SPDX-License-Identifier: GPL-2.0
"""An error status of the device is an I/O error in the guest, for reads, writes and flushes; never success.

QEMU's blkdebug fails reads of one sector, writes of another (with ENOSPC), and the flushes of a
second disk. The neighbours of a bad sector are read and written as ever, and after the errors
the disks still work.

Rows: B34 B60
"""

import json

from harness import devices

READ_SECTOR, WRITE_SECTOR = 2048, 4096


def faulty(name, path, faults):
    """A block node that fails as told."""
    node = {"driver": "raw", "node-name": name, "file": {
        "driver": "blkdebug", "image": {"driver": "file", "filename": str(path)}, "inject-error": faults}}
    return ["-blockdev", json.dumps(node)]


def run(t):
    """One disk with bad sectors, one that cannot flush."""
    sectors = [{"event": "none", "iotype": "read", "sector": READ_SECTOR, "errno": 5, "once": False},
               {"event": "none", "iotype": "write", "sector": WRITE_SECTOR, "errno": 28, "once": False}]
    flush = [{"event": "none", "iotype": "flush", "errno": 5, "once": False}]
    qemu = faulty("bad", t.disk("bad.img", 16 << 20), sectors)
    qemu += devices.blk("bad", "bad", rerror="report", werror="report")
    qemu += faulty("unflushed", t.disk("unflushed.img", 16 << 20), flush)
    qemu += devices.blk("unflushed", "unflushed", rerror="report", werror="report")
    t.allow(rf"I/O error, dev \w+, sector ({READ_SECTOR}|{WRITE_SECTOR}) op", "the sectors that blkdebug fails")
    t.allow(r"I/O error, dev \w+, sector \d+ op 0x\d+:\((FLUSH|WRITE)\)", "the flushes that blkdebug fails")
    t.allow(r"Buffer I/O error on dev \w+, logical block (256|512)\b", "the sectors that blkdebug fails")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        bad, unflushed = g.sh(f"disk_of {g.pci('bad')}"), g.sh(f"disk_of {g.pci('unflushed')}")
        for sector, wanted in ((READ_SECTOR - 8, True), (READ_SECTOR, False), (READ_SECTOR + 8, True)):
            status, said = g.run(f"dd if=/dev/{bad} of=/dev/null bs=4k skip={sector // 8} count=1 iflag=direct")
            t.equal(status == 0, wanted, f"reading sector {sector} succeeded ({said})")
            t.check(wanted or "Input/output error" in said or "I/O error" in said, f"reading sector {sector}: {said}")
        for sector, wanted in ((WRITE_SECTOR - 8, True), (WRITE_SECTOR, False), (WRITE_SECTOR + 8, True)):
            status, said = g.run(f"dd if=/dev/zero of=/dev/{bad} bs=4k seek={sector // 8} count=1 oflag=direct")
            t.equal(status == 0, wanted, f"writing sector {sector} succeeded ({said})")
        # A request across the bad sector fails as a whole.
        status, said = g.run(f"dd if=/dev/{bad} of=/dev/null bs=64k skip=16 count=1 iflag=direct")
        t.check(status != 0, f"reading across the bad sector succeeded ({said})")
        status, said = g.run(f"dd if=/dev/zero of=/dev/{unflushed} bs=4k count=1 conv=fsync")
        t.check(status != 0, f"an fsync without a flush succeeded ({said})")
        g.sh(f"dd if=/dev/{bad} of=/dev/null bs=64k count=8 iflag=direct; "
             f"dd if=/dev/zero of=/dev/{unflushed} bs=64k count=8 oflag=direct")
