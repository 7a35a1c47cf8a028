# SPDX-License-Identifier: GPL-2.0
"""Verified I/O on disk and network, over interrupt modes, ring features, machines and CPU counts.

Each variant is one boot with a disk and a network card. It looks at the negotiated features from
outside the guest (T24-T26: nothing that was not offered, never bits 24, 30 or 31, STATUS without
bit 3, T19), at the interrupt lines the drivers got (one a queue, two, or INTx), writes and reads
back 8 MiB past the page cache at two block sizes, verifies fio's own checksums at depth 16, compares
the image on the host, and sends 2 MiB each way over TCP with checksums, while the interrupts of the
lines must count up. Without the event index the flags suppress, with it the indices do; without
indirect tables every segment takes a descriptor of the ring.

Rows: T8 T10 T11 T19 T24 T25 T26 T28 T33 T34 T41 T56 T57 T58 T64 T65 T78 T79 T80 T84 B12 B28 B29 B30 B31 B53 B54 B59
N28 N29 N30 N31 N40
"""

from harness import devices, exercise
from harness.peer import Peer
from harness.registers import EVENT_IDX, INDIRECT_DESC, Registers, check_negotiation

TIMEOUT = 90

# Interrupt mode: vectors of the disk's and the network card's MSI-X table.
MODES = {"perqueue": (None, None), "shared": (2, 2), "intx": (0, 0)}


def _variants():
    """Name and parameters of each boot."""
    variants = {}
    for mode in MODES:
        for event_idx in (True, False):
            for indirect in (True, False):
                name = f"pc-{mode}-{'ev' if event_idx else 'noev'}-{'ind' if indirect else 'noind'}"
                variants[name] = {"mode": mode, "event_idx": event_idx, "indirect": indirect}
    variants["pc-one-vector"] = {"mode": "intx", "vectors": (1, 1)}
    for mode in MODES:
        variants[f"q35-{mode}"] = {"mode": mode, "machine": "q35"}
    for cpus in (1, 4):
        variants[f"pc-{cpus}-cpus"] = {"mode": "perqueue", "smp": cpus}
    variants["pc-nomsi"] = {"mode": "intx", "vectors": (None, None), "more": ("--append", "pci=nomsi")}
    variants["pc-5-gib"] = {"mode": "perqueue", "more": ("--memory", "5G")}
    variants["q35-iommu"] = {"mode": "perqueue", "machine": "q35", "more": ("--append", "intel_iommu=on"),
                             "first": ("-device", "intel-iommu")}
    return variants


VARIANTS = _variants()


def run(t, mode, event_idx=True, indirect=True, machine="pc", smp=2, vectors=None, more=(), first=()):
    """One boot of the matrix."""
    vectors = vectors or MODES[mode]
    ring = {"event_idx": event_idx, "indirect_desc": indirect}
    image = t.disk("disk.img", 64 << 20)
    args = (*devices.BARE, "--machine", machine, "--smp", smp, *more)
    qemu = [*first]
    qemu += devices.disk("disk", image, addr=4, num__queues=2, **ring, **({} if vectors[0] is None else {"vectors": vectors[0]}))
    qemu += devices.user_net("nic", addr=3, **ring, **({} if vectors[1] is None else {"vectors": vectors[1]}))
    with Peer() as peer, t.boot(args=args, qemu=qemu) as g:
        disk_at, nic_at = g.pci("disk"), g.pci("nic")
        if first:
            # The rings hold physical addresses although an IOMMU stands between other devices and memory.
            g.sh(f"[ -e /sys/bus/pci/devices/{disk_at}/iommu_group ]")
        for device in ("disk", "nic"):
            registers = Registers(g, device)
            check_negotiation(t, registers, device)
            t.equal(registers.has(EVENT_IDX), event_idx, f"{device}: event index in force")
            t.equal(registers.has(INDIRECT_DESC), indirect, f"{device}: indirect tables in force")
        disk, nic = g.sh(f"disk_of {disk_at}"), g.sh(f"nic_of {nic_at}")
        queues = min(smp, 2)
        before = exercise.interrupts(t, g, mode, disk_at, queues + 1), exercise.interrupts(t, g, mode, nic_at, 3)

        written = exercise.disk(g, disk)
        exercise.card(t, g, nic, peer)

        after = exercise.interrupts(t, g, mode, disk_at, queues + 1), exercise.interrupts(t, g, mode, nic_at, 3)
        t.check(after[0] > before[0], f"the disk's interrupts stayed at {after[0]}")
        t.check(after[1] > before[1], f"the network card's interrupts stayed at {after[1]}")
    exercise.image(t, image, written)
