# SPDX-License-Identifier: GPL-2.0
"""Devices that are not ours are left alone: modern-only ones, other virtio types, other vendors.

A modern-only disk and card (1af4:1042 and 1af4:1041, revision 1), a legacy balloon and a legacy
serial port, an e1000 and an NVMe disk stand beside a disk of ours. None of them gets one of our
drivers by itself, and when driver_override asks our drivers to try, they refuse without touching the
device; NVMe keeps its own driver and works. A transitional disk is left for a driver that
prefers its modern interface, also when it is offered by hand; named by driver_override it works
through its legacy interface, and with the module's parameter force_legacy it is taken like any
other. A legacy disk is not touched in a guest whose memory is encrypted, which the kernel is made to
believe for a moment.

Rows: T2 T3 T4 T5 T6 T12 T20 H30
"""

from harness import devices, gdb
from harness.registers import ACKNOWLEDGE, Registers

# Of the kernel's enum cc_vendor, as it stands in memory.
CC_VENDOR_INTEL = b"\2\0\0\0"
TIMEOUT = 400
FOREIGN = ("modernblk", "modernnet", "balloon", "serial", "e1000", "nvme")


def check_transitional(t, g):
    """One with both interfaces."""
    at = g.pci("transitional")
    t.equal(g.sh(f"driver_of {at}"), "none", "the driver of the transitional disk")
    t.check(g.run(f"bind {at} rvirtio_blk")[0] != 0, "rvirtio_blk took a transitional disk that was not named")
    g.sh(f"echo rvirtio_blk >/sys/bus/pci/devices/{at}/driver_override; bind {at} rvirtio_blk && "
         f"disk_round_trip /dev/$(disk_of {at}) 1 64k; echo >/sys/bus/pci/devices/{at}/driver_override", 120)
    g.sh("rmmod rvirtio_blk && modprobe rvirtio_blk force_legacy=1", 60)
    t.equal(g.sh(f"driver_of {at}"), "rvirtio_blk", "the driver of the transitional disk with force_legacy")
    g.sh(f"disk_round_trip /dev/$(disk_of {at}) 1 64k; rmmod rvirtio_blk && modprobe rvirtio_blk", 120)


def check_encrypted(t, g):
    """A guest with encrypted memory."""
    at = g.pci("disk")
    vendor = int(g.sh("awk '$3 == \"cc_vendor\" { print $1 }' /proc/kallsyms"), 16)
    g.sh(f"unbind {at}")
    with gdb.Memory(g) as memory:
        kept = memory.read(vendor, 4)
        memory.write(vendor, CC_VENDOR_INTEL)
    status, _ = g.run(f"bind {at} rvirtio_blk")
    before = Registers(g, "disk").status
    with gdb.Memory(g) as memory:
        memory.write(vendor, kept)
    t.check(status != 0, "a disk was taken in a guest with encrypted memory")
    t.equal(before, ACKNOWLEDGE, "STATUS of the disk after that")
    g.sh("dmesg | grep -q 'cannot reach encrypted memory'")
    g.sh(f"bind {at} rvirtio_blk")


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
    with t.boot(args=devices.BARE, qemu=qemu, seconds=300) as g:
        t.check(g.sh(f"driver_of {g.pci('disk')}") != "none", "the legacy disk has no driver")
        if not t.rust:
            return
        check_transitional(t, g)
        check_encrypted(t, g)
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
