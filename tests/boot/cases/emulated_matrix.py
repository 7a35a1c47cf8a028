# SPDX-License-Identifier: GPL-2.0
"""Our drivers on the emulator: every interrupt mode, ring feature, machine and CPU count, each on all four profiles.

Each boot has a disk and a network card with the habits of QEMU, bhyve, kvmtool and propolis, eight devices of one
process. On each device it looks at the interrupt lines that the driver got, moves verified data, compares the
disk's image on the host, and the interrupts must count up. The emulator must not say a word about the drivers, and
its checker finds no rule broken.

Rows: T33 T34 T41 T56 T57 T64 T65 T78 T79 T84 D2 D5 D8 D9 D12 D15 D17 D18 D19 D30 D31 D33
"""

from harness import devices, exercise
from harness.emulator import Emulator
from harness.peer import Peer

TIMEOUT = 180
PROFILES = ("qemu", "bhyve", "kvmtool", "propolis")
FIRST_CARD, FIRST_DISK = 3, 8

# Interrupt mode: vectors of each device.
MODES = {"perqueue": (), "shared": ("--vectors", "2"), "intx": ("--vectors", "0")}


def _variants():
    """Name and parameters of each boot."""
    variants = {}
    for mode in MODES:
        for event_idx in "+-":
            for indirect in "+-":
                name = f"pc-{mode}-{'ev' if event_idx == '+' else 'noev'}-{'ind' if indirect == '+' else 'noind'}"
                variants[name] = {"mode": mode, "features": f"{event_idx}event-idx,{indirect}indirect-desc"}
    variants["pc-one-vector"] = {"mode": "intx", "words": ("--vectors", "1")}
    for mode in MODES:
        variants[f"q35-{mode}"] = {"mode": mode, "machine": "q35"}
    for cpus in (1, 4):
        variants[f"pc-{cpus}-cpus"] = {"mode": "perqueue", "smp": cpus}
    variants["pc-nomsi"] = {"mode": "intx", "words": (), "more": ("--append", "pci=nomsi")}
    variants["pc-5-gib"] = {"mode": "perqueue", "memory": "5G"}
    return variants


VARIANTS = _variants()


def run(t, mode, features="", words=None, machine="pc", smp=2, memory="1G", more=()):
    """One boot of the matrix."""
    words = (*(MODES[mode] if words is None else words), "--features", features, "--check=strict")
    images = {f"disk-{name}": t.disk(f"{name}.img", 32 << 20) for name in PROFILES}
    served = {f"nic-{name}": ("net", "--mac", f"52:54:00:77:01:{number:02x}", "--profile", name, *words)
              for number, name in enumerate(PROFILES)}
    served.update({f"disk-{name}": ("blk", "--disk", images[f"disk-{name}"], "--queues", 2, "--profile", name, *words)
                   for name in PROFILES})
    args = (*devices.BARE, "--machine", machine, "--smp", smp, "--memory", memory, *more)
    with Peer() as peer, Emulator.several(t, served) as emulator:
        qemu = [*Emulator.memory(memory)]
        for number, name in enumerate(PROFILES):
            qemu += [*emulator.qemu(f"nic-{name}", addr=f"{FIRST_CARD + number:x}"), *emulator.user_net(f"nic-{name}"),
                     *emulator.qemu(f"disk-{name}", addr=f"{FIRST_DISK + number:x}")]
        with t.boot(args=args, qemu=qemu) as g:
            written = {}
            for name in PROFILES:
                disk, nic = f"disk-{name}", f"nic-{name}"
                lines = {disk: min(smp, 2) + 1, nic: 3}
                before = {device: exercise.interrupts(t, g, mode, g.pci(device), lines[device]) for device in lines}
                written[disk] = exercise.disk(g, g.sh(f"disk_of {g.pci(disk)}"), megabytes=4)
                card = g.sh(f"nic_of {g.pci(nic)}")
                exercise.card(t, g, card, peer, 1 << 20)
                g.sh(f"user_net_down {card}")
                for device, count in before.items():
                    after = exercise.interrupts(t, g, mode, g.pci(device), lines[device])
                    t.check(after > count, f"the interrupts of {device} stayed at {after}")
    for disk, checksum in written.items():
        exercise.image(t, images[disk], checksum, megabytes=4)
