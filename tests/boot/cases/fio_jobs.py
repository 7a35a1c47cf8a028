# SPDX-License-Identifier: GPL-2.0
"""Eight jobs of fio write and verify a disk with four queues at the same time; each queue takes part.

Each job has its own part of the disk and keeps eight requests in flight; all four CPUs are used. What debugfs shows of the
queues adds up to at least what the block layer counts.

Rows: B50 B53 B59 T63
"""

from harness import devices, inspect

TIMEOUT = 240
JOBS = 8


def run(t):
    """One boot."""
    image = t.disk("disk.img", 64 << 20)
    with t.boot(args=[*devices.BARE, "--smp", "4"], qemu=devices.disk("disk", image, num__queues=4), seconds=150) as g:
        disk = g.sh(f"disk_of {g.pci('disk')}")
        jobs = " ".join(f"--name=job{number} --offset={number * 8}M" for number in range(JOBS))
        common = (f"--filename=/dev/{disk} --size=3M --rw=randwrite --bsrange=512-64k --direct=1 --ioengine=libaio --iodepth=8 "
                  "--verify=crc32c --verify_fatal=1 --cpus_allowed=0-3 --cpus_allowed_policy=split --output=/tmp/fio")
        g.sh(f"fio {common} {jobs} || {{ tail -n 20 /tmp/fio; exit 1; }}", 200)
        reads, writes = [int(g.sh(f"awk '{{ print ${n} }}' /sys/block/{disk}/stat")) for n in (1, 5)]
        t.check(writes > 100 * JOBS // 2 and reads > 100, f"{reads} reads and {writes} writes reached the disk")
        if t.rust:
            shown = [inspect.fields(text) for name, text in inspect.show(g, "disk").items() if name.startswith("queue")]
            t.equal(len(shown), 4, "queues")
            t.check(all(queue["used"] > 50 for queue in shown), f"chains of each queue: {[queue['used'] for queue in shown]}")
            total = sum(queue["used"] for queue in shown)
            t.check(total >= reads + writes, f"{total} chains for {reads} reads and {writes} writes")
