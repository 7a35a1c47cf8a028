# SPDX-License-Identifier: GPL-2.0
"""Some of the devices that misbehave, for each kind of fault one or two; `make hostile` has all of them.

Each cell is a device of the emulator with a fault: the driver is bound to it, a load that knows what must come back
runs, and the driver is taken off. It must refuse the device with a word, go through it, or fail requests with errors,
everything within its bounds and without a complaint of the kernel; what was read or written with success is right.

Rows: T42 T43 T44 T60 T71 T72 T89 T90 T91 T92 B12 B42 B47 B60 N68 N70 N92
H1 H2 H3 H6 H7 H8 H9 H10 H18 H20 H21 H32
"""

from harness.hostile import batch, cells

TIMEOUT = 900

DISKS = """used-id/once used-lost/once used-twice/once used-index-jump/once scribble-next/always scribble-list/always
status-unwritten/once wce/32769 block-size/3 seg-max/0 disk-queues/0 queue-size/3 queue-size/0 queue-in-use/always
queue-vector/always""".split()
CARDS = "used-len/once-0 pairs/0 mtu/later".split()


def run(t):
    """One boot, if all goes well."""
    names = [f"blk/{name}" for name in DISKS] + [f"net/{name}" for name in CARDS]
    known = {cell.name: cell for cell in cells.all_cells(batch.fault_list(t))}
    bad = []

    def tell(cell, verdict):
        print(f"     {cell.name if cell else 'the end'}: {verdict.word} {verdict.why}", flush=True)
        if not verdict.good:
            bad.append(f"{cell.name if cell else 'the end'}: {verdict.word} {verdict.why}")

    batch.run(t, t.driver, "stock", batch.Todo(known[name] for name in names), tell)
    t.equal(bad, [], "cells that went wrong")
