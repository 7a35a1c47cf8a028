# SPDX-License-Identifier: GPL-2.0
"""The vectors of a disk's queues are spread over the CPUs, and each CPU uses the queue that interrupts it.

Four queues on four CPUs: every queue's vector belongs to one CPU, no two to the same, and the block
layer's map says the same. Reads that one CPU makes are completed by interrupts on that CPU alone.

Rows: T56 T63
"""

from harness import devices

READS = 300

SCRIPT = """
for irq in $(sed -n 's/^ *\\([0-9]*\\):.*rvirtio_blk-.*-req\\..*/\\1/p' /proc/interrupts); do
    echo "$(cat /proc/irq/$irq/smp_affinity_list)"
done
"""


def counts(g):
    """Interrupts of each queue, by CPU."""
    lines = g.sh("grep 'rvirtio_blk-.*-req\\.' /proc/interrupts").splitlines()
    return [[int(word) for word in line.split()[1:5]] for line in lines]


def run(t):
    """One disk with four queues on four CPUs."""
    qemu = devices.disk("disk", t.disk("disk.img", 16 << 20), num__queues=4, addr=4)
    with t.boot(args=[*devices.BARE, "--smp", "4"], qemu=qemu) as g:
        if not t.rust:
            return
        vectors = g.sh(SCRIPT).splitlines()
        t.equal(sorted(vectors), ["0", "1", "2", "3"], "the CPUs of the queues' vectors")
        mapped = g.sh("for queue in 0 1 2 3; do cat /sys/block/rvda/mq/$queue/cpu_list; done").splitlines()
        t.equal(mapped, vectors, "the CPUs that use the queues")
        for cpu in range(4):
            before = counts(g)
            g.sh(f"taskset -c {cpu} dd if=/dev/rvda of=/dev/null bs=4k count={READS} iflag=direct")
            risen = [[now - then for now, then in zip(*pair)] for pair in zip(counts(g), before)]
            queue = vectors.index(str(cpu))
            t.check(risen[queue][cpu] >= READS, f"CPU {cpu} read {READS} times, its queue interrupted {risen[queue]}")
            strays = sum(sum(row) for row in risen) - risen[queue][cpu]
            t.check(strays <= 5, f"reads of CPU {cpu} interrupted elsewhere: {risen}")
