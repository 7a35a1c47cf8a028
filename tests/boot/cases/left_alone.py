# SPDX-License-Identifier: GPL-2.0
"""Devices that are not ours are left alone: modern-only ones, other virtio types, other vendors.

A modern-only disk and card (1af4:1042 and 1af4:1041, revision 1), a legacy balloon and a legacy
serial port, an e1000 and an NVMe disk stand beside a disk of ours. None of them gets one of our
drivers by itself, and when driver_override asks our drivers to try, they refuse without touching the
device; NVMe keeps its own driver and works. A transitional disk, which nobody else has taken here,
works through its legacy interface.

Rows: T2 T3 T4 T6 T20
"""

from harness import devices
from harness.registers import Registers

FOREIGN = ("modernblk", "modernnet", "balloon", "serial", "e1000", "nvme")


def run(t):
    """Everything in one guest."""
    qemu = devices.disk("disk", t.disk("disk.img", 32 << 20))
    qemu += devices.backing("modern-node", t.disk("modern.img", 32 << 20))
    qemu += devices.blk("modernblk", "modern-node", disable__modern=False, disable__legacy="on")
    qemu += devices.user_net("modernnet", disable__modern=False, disable__legacy="on")
    qemu += ["-device", "virtio-balloon-pci,id=balloon,disable-modern=on"]
    qemu += ["-device", "virtio-serial-pci,id=serial,disable-modern=on"]
    qemu += ["-netdev", "user,id=e1000-net", "-device", "e1000,id=e1000,netdev=e1000-net"]
    qemu += devices.backing("nvme-node", t.disk("nvme.img", 32 << 20))
    qemu += ["-device", "nvme,id=nvme,drive=nvme-node,serial=1"]
    qemu += devices.backing("both-node", t.disk("both.img", 32 << 20))
    qemu += devices.blk("transitional", "both-node", disable__modern=False, disable__legacy="off")
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        t.check(g.sh(f"driver_of {g.pci('disk')}") != "none", "the legacy disk has no driver")
        if not t.rust:
            return
        t.equal(g.sh(f"driver_of {g.pci('transitional')}"), "rvirtio_blk", "the driver of the transitional disk")
        g.sh(f"disk_round_trip /dev/$(disk_of {g.pci('transitional')}) 1 64k")
        wanted = dict.fromkeys(FOREIGN, "none") | {"nvme": "nvme"}
        found = {name: g.sh(f"driver_of {g.pci(name)}") for name in FOREIGN}
        t.equal(found, wanted, "drivers")
        for name in FOREIGN[:-1]:
            before = Registers(g, name).status if name in ("balloon", "serial") else None
            for driver in ("rvirtio_blk", "rvirtio_net"):
                status, _ = g.run(f"at=/sys/bus/pci/devices/{g.pci(name)}; echo {driver} >$at/driver_override; "
                                  f"bind {g.pci(name)} {driver}; status=$?; echo >$at/driver_override; exit $status")
                t.check(status != 0, f"{driver} took {name}")
                t.equal(g.sh(f"driver_of {g.pci(name)}"), "none", f"{name}: driver after {driver} was asked")
            if before is not None:
                t.equal(Registers(g, name).status, before, f"{name}: STATUS after our drivers were asked")
        # The wrong one of our two drivers refuses, too, and the right one still works.
        disk_at = g.pci("disk")
        g.sh(f"unbind {disk_at}")
        status, _ = g.run(f"bind {disk_at} rvirtio_net")
        t.check(status != 0, "rvirtio_net took a disk")
        g.sh(f"bind {disk_at} rvirtio_blk && disk_round_trip /dev/$(disk_of {disk_at}) 1 4k")
        g.sh("dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 2>/dev/null")
