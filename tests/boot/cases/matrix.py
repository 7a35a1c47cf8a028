# SPDX-License-Identifier: GPL-2.0
"""Verified I/O on disk and network, over interrupt modes, ring features, machines and CPU counts.

Each variant is one boot with a disk and a network card for each of its cells. Of each it looks at the negotiated
features from outside the guest (T24-T26: nothing that was not offered, never bits 24, 30 or 31, STATUS without
bit 3, T19) and at the interrupt lines the drivers got (one a queue, two, or INTx), writes and reads back a
megabyte past the page cache at two block sizes, compares the image on the host, and sends as much each way over TCP
with checksums, while the interrupts of the lines must count up; then fio verifies its own checksums at depth 16 on
all disks at once. Without the event index the flags suppress, with it the indices do; without indirect tables every
segment takes a descriptor of the ring.

Rows: T8 T10 T11 T19 T24 T25 T26 T28 T33 T34 T41 T56 T57 T58 T64 T65 T78 T79 T80 T84 B12 B28 B29 B30 B31 B53 B54 B59
N28 N29 N30 N31 N40
"""

from harness import devices
from harness.cells import Pair, Pairs, places
from harness.peer import Peer
from harness.registers import EVENT_IDX, INDIRECT_DESC, Registers, check_negotiation

TIMEOUT = 240

# Interrupt mode: vectors of the MSI-X tables.
MODES = {"perqueue": {}, "shared": {"vectors": 2}, "intx": {"vectors": 0}}
# Name of a cell: its mode, and the properties of its devices.
RING = {f"{mode}-{'ev' if event_idx else 'noev'}-{'ind' if indirect else 'noind'}":
        (mode, {**vectors, "event_idx": event_idx, "indirect_desc": indirect})
        for mode, vectors in MODES.items() for event_idx in (True, False) for indirect in (True, False)}

VARIANTS = {
    "pc": {"cells": {**RING, "one-vector": ("intx", {"vectors": 1})}},
    "q35": {"cells": {mode: (mode, vectors) for mode, vectors in MODES.items()}, "machine": "q35"},
    "pc-1-cpus": {"smp": 1},
    "pc-4-cpus": {"smp": 4},
    "pc-nomsi": {"cells": {"nomsi": ("intx", {})}, "more": ("--append", "pci=nomsi")},
    "pc-5-gib": {"more": ("--memory", "5G")},
    "q35-iommu": {"machine": "q35", "more": ("--append", "intel_iommu=on"), "first": ("-device", "intel-iommu")},
}


def negotiated(t, cell, g, properties, translated):
    """Which features are in force, as QEMU sees it."""
    for device in (cell.disk, cell.card):
        if translated:
            # The rings hold physical addresses although an IOMMU stands between other devices and memory.
            g.sh(f"[ -e /sys/bus/pci/devices/{g.pci(device)}/iommu_group ]")
        registers = Registers(g, device)
        check_negotiation(t, registers, device)
        ring = properties[cell.name]
        t.equal(registers.has(EVENT_IDX), ring.get("event_idx", True), f"{device}: event index in force")
        t.equal(registers.has(INDIRECT_DESC), ring.get("indirect_desc", True), f"{device}: indirect tables in force")


def run(t, cells=None, machine="pc", smp=2, more=(), first=()):
    """One boot of the matrix."""
    wanted = cells or {"perqueue": ("perqueue", {})}
    todo = [Pair(name, mode=mode, lines=min(smp, 2) + 1) for name, (mode, _) in wanted.items()]
    properties = {name: words for name, (_, words) in wanted.items()}
    images = {cell.name: t.disk(f"{cell.name}.img", 32 << 20) for cell in todo}
    qemu = [*first]
    for cell, disk, card in places(todo):
        ring = properties[cell.name]
        qemu += devices.disk(cell.disk, images[cell.name], num__queues=2, **ring, **disk)
        qemu += devices.user_net(cell.card, **ring, **card)
    args = (*devices.BARE, "--machine", machine, "--smp", smp, *more)
    with Peer() as peer, Pairs(t, todo) as matrix:
        with t.boot(args=args, qemu=qemu) as g:
            matrix.each(negotiated, g, properties, bool(first))
            matrix.exercise(g, peer)
        matrix.images(images)
