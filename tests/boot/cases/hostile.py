# SPDX-License-Identifier: GPL-2.0
"""Devices that misbehave in every way that the emulator knows; `make hostile` has all values and moments.

Each cell is a device of the emulator with a fault: the driver is bound to it, a load that knows what must come back
runs, and the driver is taken off. It must refuse the device with a word, go through it, or fail requests with errors,
everything within its bounds and without a complaint of the kernel; what was read or written with success is right.

Rows: T42 T43 T44 T60 T71 T72 T89 T90 T91 T92 B12 B42 B47 B60 N68 N70 N92
H1 H2 H3 H6 H7 H8 H9 H10 H18 H20 H21 H32
"""

from harness.hostile import batch, cells

TIMEOUT = 1500
VARIANTS = {"disks": {"device": "blk"}, "cards": {"device": "net"}}

# Beside the first cell of each fault: rings that are written over again and again, and fields that are wrong and not 0.
ALSO = """blk/scribble-next/always blk/scribble-list/always blk/wce/32769 blk/block-size/3 blk/seg-max/3 blk/queue-size/3
net/pairs/3""".split()


def run(t, device):
    """Boots one after the other; each serves as many cells as a guest has slots."""
    everything = cells.all_cells(batch.fault_list(t))
    names = [cell.name for cell in cells.one_of_each(everything)] + ALSO
    chosen = [cell for cell in everything if cell.device == device and cell.name in names]
    bad = []

    def tell(cell, verdict):
        print(f"     {cell.name}: {verdict.word} {verdict.why}", flush=True)
        if not verdict.good:
            bad.append(f"{cell.name}: {verdict.word} {verdict.why}")

    batch.run(t, t.driver, "stock", batch.Todo(chosen), tell)
    t.equal(bad, [], "cells that went wrong")
