# SPDX-License-Identifier: GPL-2.0
"""Disks of the emulator, on Linux's own driver and on ours: data, file system, verified I/O, nothing to complain of.

Linux's driver, which nobody here wrote, is the judge of the emulator. A guest has a disk of each kind, each served by an
emulator of its own. Of each it reads the serial number, writes and reads past the page cache, compares with the image
on the host, makes a file system and lets fio verify its checksums; the emulator must not say a word about the driver.
The disk grows and shrinks while it is in use. Ours break no rule of the checker; what Linux's breaks is what
docs/conformance.md records.

Rows: D1 D2 D3 D4 D5 D8 D12 D14 D16 D17 D30 D31 D33 D37 B4 B44
"""

import contextlib
import os
from dataclasses import dataclass

from harness import conformance, devices, exercise
from harness.cells import Cell, Cells
from harness.emulator import Emulator

TIMEOUT = 300

# The words of each disk, by its name.
DISKS = {
    "linux": {
        "perqueue": ("--queues", 2),
        "intx": ("--vectors", 0, "--features", "-event-idx,-indirect-desc"),
    },
    "rust": {
        "perqueue": ("--queues", 2),
        "shared": ("--vectors", 2, "--features", "-event-idx,-geometry"),
        "intx": ("--vectors", 0, "--features", "-indirect-desc"),
    },
}
VARIANTS = {
    "linux": {"driver": "c"},
    "rust": {"driver": "rust", "machine": "q35"},
}


@dataclass
class Disk(Cell):
    """A disk and its image."""

    words: tuple = ()
    image: object = None
    device: Emulator = None


def resize(g, device, image, disk, megabytes):
    """The disk grows or shrinks while the guest has it, and the guest's user space is told."""
    told = int(g.sh("cat /sys/kernel/uevent_seqnum"))
    os.truncate(image, megabytes << 20)
    device.look_again()
    g.wait(f"[ $(cat /sys/block/{disk}/size) -eq {(megabytes << 20) // 512} ]", what=f"the disk has {megabytes} MiB")
    g.wait(f"[ $(cat /sys/kernel/uevent_seqnum) -gt {told} ]", what="an event for user space")


def in_the_guest(t, disk, g):
    """A disk while the guest runs."""
    name = g.sh(f"disk_of {g.pci(disk.name)}")
    t.equal(g.sh(f"cat /sys/block/{name}/serial"), f"of {disk.name}", "serial number")
    t.equal(int(g.sh(f"cat /sys/block/{name}/size")), (64 << 20) // 512, "sectors")
    heads, sectors = (64, 32) if "-geometry" in str(disk.words) else (16, 63)
    g.sh(f"fdisk -l /dev/{name} | grep -q '{heads} heads, {sectors} sectors/track'")
    written = exercise.disk(g, name)
    for megabytes in (96, 48):
        resize(g, disk.device, disk.image, name, megabytes)
    exercise.image(t, disk.image, written)
    g.sh(f"mkfs.ext4 -q /dev/{name} && mkdir -p /mnt/disk && mount /dev/{name} /mnt/disk && "
         f"cp /bin/busybox /mnt/disk && umount /mnt/disk && mount /dev/{name} /mnt/disk && "
         "cmp /bin/busybox /mnt/disk/busybox && umount /mnt/disk", 60)


def afterwards(t, disk, driver):
    """What the emulator says of the driver at its end."""
    disk.device.end()
    if driver == "c":
        conformance.compare(t, "virtio_blk", disk.device.broken)


def run(t, driver, machine="pc"):
    """One boot."""
    kinds = DISKS["rust" if driver == "rust" else "linux"]
    disks = [Disk(name, words=words, image=t.disk(f"{name}.img", 64 << 20)) for name, words in kinds.items()]
    check = "--check=strict" if driver == "rust" else "--check"
    qemu = [*Emulator.memory()]
    with contextlib.ExitStack() as stack:
        todo = stack.enter_context(Cells(t, disks))
        for slot, disk in enumerate(disks, 3):
            words = ("blk", "--disk", disk.image, "--serial", f"of {disk.name}", check, *disk.words)
            disk.device = stack.enter_context(Emulator(t, *words))
            qemu += disk.device.qemu(disk.name, addr=f"{slot:x}")
        with t.boot(args=(*devices.BARE, "--machine", machine), qemu=qemu, driver=driver) as g:
            todo.each(in_the_guest, g)
        todo.each(afterwards, driver)
