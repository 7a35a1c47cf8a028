# SPDX-License-Identifier: GPL-2.0
"""The block module's parameters limit queues and requests in flight; what makes no sense is refused or cut down.

A disk with four queues of 64 entries on four CPUs. Each set of parameters is a new load of the module, after which
the queues and tags that the block layer shows are counted and the disk is read.

Rows: B50 B52 T54
"""

from harness import devices

# Parameters, queues, and tags of each queue.
SETS = (
    ("", 4, 64),
    ("num_request_queues=2", 2, 64),
    ("num_request_queues=9 queue_depth=16", 4, 16),
    ("num_request_queues=0 queue_depth=100000", 4, 64),
    ("queue_depth=1", 4, 2),
)


def run(t):
    """One boot, a load of the module for each set."""
    qemu = devices.disk("disk", t.disk("disk.img", 16 << 20), num__queues=4, queue__size=64, addr=4)
    with t.boot(args=[*devices.BARE, "--smp", "4"], qemu=qemu) as g:
        if not t.rust:
            return
        for words, queues, tags in SETS:
            g.sh(f"rmmod rvirtio_blk && modprobe rvirtio_blk {words}")
            shown = g.sh("cat /sys/block/rvda/mq/*/nr_tags").split()
            t.equal(shown, [str(tags)] * queues, f"tags of each queue with {words or 'no parameter'}")
            for cpu in range(4):
                g.sh(f"taskset -c {cpu} dd if=/dev/rvda of=/dev/null bs=64k count=32 iflag=direct 2>/dev/null")
        for word in ("queue_depth=-1", "num_request_queues=many"):
            g.sh(f"rmmod rvirtio_blk; ! modprobe rvirtio_blk {word}; modprobe rvirtio_blk")
        t.allow("rvirtio_blk: .* invalid for parameter", "a parameter that is no number was tried")
