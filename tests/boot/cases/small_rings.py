# SPDX-License-Identifier: GPL-2.0
"""Rings of 4, 8 and 16 entries carry more I/O than fits, with and without indirect tables.

fio keeps 32 requests in flight on each ring: requests wait while it is full and go on when entries
come free, every block is verified. Without indirect tables a request takes three entries or more.

Rows: T45 T73 T84 B2 B55 B59
"""

from harness import devices

TIMEOUT = 150
RINGS = {"r4": (4, True), "r8": (8, True), "r16": (16, True), "d4": (4, False), "d8": (8, False), "d16": (16, False)}


def run(t):
    """Six disks, all busy at the same time."""
    qemu = []
    for name, (size, indirect) in RINGS.items():
        qemu += devices.disk(name, t.disk(f"{name}.img", 16 << 20), queue__size=size, indirect_desc=indirect, num__queues=1)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        jobs = ""
        for name, (size, _) in RINGS.items():
            disk = g.sh(f"disk_of {g.pci(name)}")
            segments = int(g.sh(f"cat /sys/block/{disk}/queue/max_segments"))
            t.equal(segments, size - 2, f"{name}: max_segments")
            jobs += f" --name={name} --filename=/dev/{disk}"
        g.sh("fio --size=2M --rw=randwrite --bsrange=512-32k --direct=1 --ioengine=libaio --iodepth=32 "
             f"--verify=crc32c --verify_fatal=1 --output=/tmp/fio {jobs} || {{ cat /tmp/fio; exit 1; }}", 100)
