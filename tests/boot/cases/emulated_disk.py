# SPDX-License-Identifier: GPL-2.0
"""A disk of the emulator, on Linux's own driver and on ours: data, file system, verified I/O, nothing to complain of.

Linux's driver, which nobody here wrote, is the judge of the emulator. Each boot reads the serial number,
writes and reads past the page cache, compares with the image on the host, makes a file system and lets
fio verify its checksums; the emulator must not say a word about the driver. The disk grows and shrinks while
it is in use. Ours break no rule of the checker; what Linux's breaks is what docs/conformance.md records.

Rows: D1 D2 D3 D4 D5 D8 D12 D14 D16 D17 D30 D31 D33 D37 B4 B44
"""

import os

from harness import conformance, devices, exercise
from harness.emulator import Emulator

TIMEOUT = 120

VARIANTS = {
    "linux": {"driver": "c", "words": ("--queues", 2)},
    "linux-intx": {"driver": "c", "words": ("--vectors", 0, "--features", "-event-idx,-indirect-desc")},
    "rust": {"driver": "rust", "words": ("--queues", 2)},
    "rust-shared": {"driver": "rust", "words": ("--vectors", 2, "--features", "-event-idx,-geometry")},
    "rust-intx": {"driver": "rust", "words": ("--vectors", 0, "--features", "-indirect-desc"), "machine": "q35"},
}


def resize(g, device, image, disk, megabytes):
    """The disk grows or shrinks while the guest has it, and the guest's user space is told."""
    told = int(g.sh("cat /sys/kernel/uevent_seqnum"))
    os.truncate(image, megabytes << 20)
    device.look_again()
    g.wait(f"[ $(cat /sys/block/{disk}/size) -eq {(megabytes << 20) // 512} ]", what=f"the disk has {megabytes} MiB")
    g.wait(f"[ $(cat /sys/kernel/uevent_seqnum) -gt {told} ]", what="an event for user space")


def run(t, driver, words, machine="pc"):
    """One boot."""
    image = t.disk("disk.img", 64 << 20)
    args = (*devices.BARE, "--machine", machine)
    check = "--check" if driver == "c" else "--check=strict"
    with Emulator(t, "blk", "--disk", image, "--serial", "emulated", check, *words) as device:
        qemu = (*Emulator.memory(), *device.qemu("disk", addr="4"))
        with t.boot(args=args, qemu=qemu, driver=driver) as g:
            disk = g.sh(f"disk_of {g.pci('disk')}")
            t.equal(g.sh(f"cat /sys/block/{disk}/serial"), "emulated", "serial number")
            t.equal(int(g.sh(f"cat /sys/block/{disk}/size")), (64 << 20) // 512, "sectors")
            heads, sectors = (64, 32) if "-geometry" in str(words) else (16, 63)
            g.sh(f"fdisk -l /dev/{disk} | grep -q '{heads} heads, {sectors} sectors/track'")
            written = exercise.disk(g, disk)
            for megabytes in (96, 48):
                resize(g, device, image, disk, megabytes)
            exercise.image(t, image, written)
            g.sh(f"mkfs.ext4 -q /dev/{disk} && mkdir -p /mnt/disk && mount /dev/{disk} /mnt/disk && "
                 f"cp /bin/busybox /mnt/disk && umount /mnt/disk && mount /dev/{disk} /mnt/disk && "
                 "cmp /bin/busybox /mnt/disk/busybox && umount /mnt/disk", 60)
    if driver == "c":
        conformance.compare(t, "virtio_blk", device.broken)
