# SPDX-License-Identifier: GPL-2.0
"""The emulator's disk beside QEMU's own in one guest: speed as ratios, memory and processor time at rest.

Both disks are raw files of the same size, driven by our driver; jobs alternate between them, three times each, and
the table of the medians goes to build/logs/emulated-figures.txt. Times on a shared machine prove nothing, so the
ratios do not decide. What decides: at rest the emulator takes no processor time, and its own memory, the guest's
aside, stays below 16 MiB.

Rows: D37
"""

import json
import os
import statistics
import time
from pathlib import Path

from harness import devices
from harness.case import LOGS
from harness.emulator import Emulator

TIMEOUT = 180
ALONE = True
REPETITIONS = 3
SIZE = 128 << 20

# Name, words of fio, what of its report is the figure, and its unit.
JOBS = (
    ("4 KiB random reads, depth 1", "--rw=randread --bs=4k --iodepth=1", "iops", "1/s"),
    ("4 KiB random reads, depth 32", "--rw=randread --bs=4k --iodepth=32", "iops", "1/s"),
    ("128 KiB sequential reads", "--rw=read --bs=128k --iodepth=4", "bw", "KiB/s"),
)


def measure(g, disk, words, figure):
    """One run of a job on one disk."""
    report = g.sh(f"fio --name=job --filename=/dev/{disk} --direct=1 --ioengine=libaio --runtime=2 --time_based "
                  f"--ramp_time=0.3 --output-format=json {words}", 30)
    return json.loads(report[report.index("{"):])["jobs"][0]["read"][figure]


def table(g, disks):
    """Lines of the table, a job each."""
    yield f"{'job':<32} {'emulator':>10} {'QEMU':>10} {'ratio':>6}"
    for name, words, figure, unit in JOBS:
        values = {disk: [] for disk in disks}
        for _ in range(REPETITIONS):
            for disk, found in values.items():
                found.append(measure(g, disk, words, figure))
        ours, theirs = (statistics.median(found) for found in values.values())
        yield f"{name:<32} {ours:>10.0f} {theirs:>10.0f} {ours / theirs:>6.2f}  {unit}"


def at_rest(t, pid):
    """Memory and processor time of a process that has nothing to do."""
    ticks = []
    for _ in range(2):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks.append(int(fields[11]) + int(fields[12]))
        time.sleep(2 if len(ticks) == 1 else 0)
    used = (ticks[1] - ticks[0]) / os.sysconf("SC_CLK_TCK")
    t.check(used <= 0.1, f"the idle emulator took {used:.2f} s of 2 s")
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    own = sum(int(status[name].split()[0]) for name in ("RssAnon", "RssFile"))
    t.check(own < 16 << 10, f"the idle emulator has {own} KiB of its own in memory")
    return f"at rest: {own} KiB of memory, the guest's aside; {used:.2f} s of processor time in 2 s"


def run(t):
    """One boot with both disks."""
    images = {name: t.disk(f"{name}.img", SIZE) for name in ("ours", "qemu")}
    for image in images.values():
        image.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
    with Emulator(t, "blk", "--disk", images["ours"]) as emulator:
        qemu = [*Emulator.memory(), *emulator.qemu("ours", addr="4"), *devices.disk("qemu", images["qemu"], addr=5)]
        with t.boot(args=devices.BARE, qemu=qemu) as g:
            disks = [g.sh(f"disk_of {g.pci(name)}") for name in images]
            lines = [*table(g, disks), at_rest(t, emulator.pid)]
    (LOGS / "emulated-figures.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
