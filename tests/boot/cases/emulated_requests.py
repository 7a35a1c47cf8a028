# SPDX-License-Identifier: GPL-2.0
"""What requests are on the wire, from the emulator's trace: priority, zeroing with and without unmapping, erasing.

A read at realtime priority carries class and level in its header; zeroing that has to keep its space says so, punching
a hole does not; a secure erase is one, with the ranges that were meant. The same on Linux's own driver as on ours, but
for the secure erase: Linux's offers the ranges as memory for the device to write, so that it is refused.

Rows: B16 B37 B38
"""

import json
import struct

from harness import conformance, devices
from harness.emulator import Emulator

TIMEOUT = 90
VARIANTS = {"rust": {"driver": "rust"}, "linux": {"driver": "c"}}

READ, WRITE_ZEROES, SECURE_ERASE = 0, 13, 14
UNMAP = 1
MIB = 1 << 20
# IOPRIO_CLASS_RT, level 3.
REALTIME = 1 << 13 | 3


def requests(trace):
    """Kind, priority, ranges and status of each request, in their order."""
    ranges = []
    for line in trace.read_text(encoding="ascii").splitlines():
        event = json.loads(line)
        if event["event"] == "data":
            ranges = list(struct.iter_unpack("<QII", bytes.fromhex(event["data"])))
        elif event["event"] == "request":
            yield event["kind"], event["priority"], ranges, event["status"]
            ranges = []


def run(t, driver):
    """One boot; the trace is whole when the emulator has ended."""
    trace = t.directory / "disk.trace"
    words = ("--trace", trace, "--check" if driver == "c" else "--check=strict")
    with Emulator(t, "blk", "--disk", t.disk("disk.img", 64 * MIB), *words) as device:
        qemu = (*Emulator.memory(), *device.qemu("disk", addr="4"))
        with t.boot(args=devices.BARE, qemu=qemu, driver=driver) as g:
            disk = "/dev/" + g.sh(f"disk_of {g.pci('disk')}")
            g.sh(f"ionice -c 1 -n 3 dd if={disk} of=/dev/null bs=4k count=1 iflag=direct")
            g.sh(f"blkdiscard -z -o {8 * MIB} -l {4 * MIB} {disk}")
            g.sh(f"fio --name=punch --filename={disk} --ioengine=falloc --rw=trim --bs=1M --offset=16M --size=1M "
                 "--output=/tmp/fio")
            erased, _ = g.run(f"blkdiscard -s -o {24 * MIB} -l {2 * MIB} {disk}")
            t.equal(erased == 0, driver == "rust", "whether a secure erase succeeds")
            if driver == "c":
                t.allow("I/O error, dev vda, sector .* op 0x5", "the secure erase that the device cannot do")
    seen = list(requests(trace))
    t.equal([kind for kind, *_, status in seen if status], [] if driver == "rust" else [SECURE_ERASE], "kinds that failed")
    t.check((READ, REALTIME) in {(kind, priority) for kind, priority, *_ in seen}, "no read at realtime priority")
    wanted = {"zeroed in their place": (WRITE_ZEROES, 0, [(8 * MIB, 12 * MIB)]),
              "zeroed and unmapped": (WRITE_ZEROES, UNMAP, [(16 * MIB, 17 * MIB)]),
              "erased": (SECURE_ERASE, 0, [(24 * MIB, 26 * MIB)] if driver == "rust" else [])}
    for what, (kind, flags, areas) in wanted.items():
        t.equal(covered(seen, kind, flags), areas, f"bytes {what}")
    if driver == "c":
        conformance.compare(t, "virtio_blk", device.broken)


def covered(seen, kind, flags):
    """First byte and end of each area that requests of a kind with these flags cover together."""
    areas = []
    for start, count, found in sorted(entry for asked, _, ranges, _ in seen if asked == kind for entry in ranges):
        if found == flags and areas and areas[-1][1] == start * 512:
            areas[-1] = (areas[-1][0], (start + count) * 512)
        elif found == flags:
            areas.append((start * 512, (start + count) * 512))
    return areas
