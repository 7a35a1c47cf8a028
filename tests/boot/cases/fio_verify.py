# SPDX-License-Identifier: GPL-2.0
"""fio writes and verifies at depth 1 and at depth 32, with blocks of many sizes.

Each block carries its own checksum and offset, so that a lost, torn, stale or misplaced block is
seen. At depth 32 completions come back in any order. Reads and writes mix in a last run.

Rows: B2 B32 B33 B53 B54 B59 B60 T45 T71 T84 T85
"""

from harness import devices

TIMEOUT = 150
VARIANTS = {"depth-1": {"depth": 1, "size": "12M"}, "depth-32": {"depth": 32, "size": "48M"}}


def run(t, depth, size):
    """Two runs of fio on a raw disk."""
    image = t.disk("disk.img", 128 << 20)
    with t.boot(args=devices.BARE, qemu=devices.disk("disk", image)) as g:
        disk = g.sh(f"disk_of {g.pci('disk')}")
        common = (f"--filename=/dev/{disk} --size={size} --direct=1 --ioengine=libaio --iodepth={depth} "
                  "--verify_fatal=1 --verify_backlog=64 --randseed=7 --output=/tmp/fio")
        g.sh(f"fio --name=sizes --rw=randwrite --bsrange=512-256k --verify=crc32c {common} || {{ cat /tmp/fio; exit 1; }}", 70)
        g.sh(f"fio --name=mix --rw=randrw --bs=4k --verify=sha256 --verify_async=1 {common} --size=4M "
             "|| { cat /tmp/fio; exit 1; }", 70)
        reads, writes = [int(g.sh(f"awk '{{ print ${n} }}' /sys/block/{disk}/stat")) for n in (1, 5)]
        t.check(reads > 100 and writes > 100, f"{reads} reads and {writes} writes reached the disk")
