# SPDX-License-Identifier: GPL-2.0
"""Our drivers on the emulator: every interrupt mode, ring feature, machine and CPU count, each on all four profiles.

Each boot has, for each of its settings, a disk and a network card with the habits of QEMU, bhyve, kvmtool and propolis,
all of them devices of one process. On each device it looks at the interrupt lines that the driver got, moves verified
data, compares the disk's image on the host, and the interrupts must count up; then fio verifies its checksums on all
disks at once. The emulator must not say a word about the drivers, and its checker finds no rule broken.

Rows: T33 T34 T41 T56 T57 T64 T65 T78 T79 T84 B61 D2 D5 D8 D9 D12 D15 D17 D18 D19 D30 D31 D33
"""

from harness import devices
from harness.cells import Pair, Pairs, places
from harness.emulator import Emulator
from harness.peer import Peer

TIMEOUT = 300
PROFILES = ("qemu", "bhyve", "kvmtool", "propolis")

# Interrupt mode: vectors of each device.
MODES = {"perqueue": (), "shared": ("--vectors", "2"), "intx": ("--vectors", "0")}


def _ring(mode):
    """Name of a setting: mode and words of its devices, for each choice of ring features."""
    return {f"{'ev' if event_idx == '+' else 'noev'}-{'ind' if indirect == '+' else 'noind'}":
            (mode, (*MODES[mode], "--features", f"{event_idx}event-idx,{indirect}indirect-desc"))
            for event_idx in "+-" for indirect in "+-"}


VARIANTS = {
    "pc-perqueue": {"settings": _ring("perqueue")},
    "pc-shared": {"settings": _ring("shared")},
    "pc-intx": {"settings": {**_ring("intx"), "one-vector": ("intx", ("--vectors", "1"))}},
    "q35": {"settings": {mode: (mode, words) for mode, words in MODES.items()}, "machine": "q35"},
    "pc-1-cpus": {"smp": 1},
    "pc-4-cpus": {"smp": 4},
    "pc-nomsi": {"settings": {"nomsi": ("intx", ())}, "more": ("--append", "pci=nomsi")},
    "pc-5-gib": {"memory": "5G"},
}


def run(t, settings=None, machine="pc", smp=2, memory="1G", more=()):
    """One boot of the matrix."""
    settings = settings or {"perqueue": ("perqueue", ())}
    words = {f"{name}-{profile}": ("--profile", profile, *words, "--check=strict")
             for name, (_, words) in settings.items() for profile in PROFILES}
    todo = [Pair(f"{name}-{profile}", mode=mode, lines=min(smp, 2) + 1)
            for name, (mode, _) in settings.items() for profile in PROFILES]
    images = {cell.name: t.disk(f"{cell.name}.img", 32 << 20) for cell in todo}
    served = {cell.card: ("net", "--mac", f"52:54:00:77:01:{number:02x}", *words[cell.name])
              for number, cell in enumerate(todo)}
    served |= {cell.disk: ("blk", "--disk", images[cell.name], "--queues", 2, *words[cell.name]) for cell in todo}
    args = (*devices.BARE, "--machine", machine, "--smp", smp, "--memory", memory, *more)
    with Peer() as peer, Pairs(t, todo) as matrix:
        with Emulator.several(t, served) as emulator:
            qemu = [*Emulator.memory(memory)]
            for cell, disk, card in places(todo):
                qemu += [*emulator.qemu(cell.card, **card), *emulator.user_net(cell.card),
                         *emulator.qemu(cell.disk, **disk)]
            with t.boot(args=args, qemu=qemu) as g:
                matrix.exercise(g, peer)
        matrix.images(images)
