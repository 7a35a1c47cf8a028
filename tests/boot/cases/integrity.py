# SPDX-License-Identifier: GPL-2.0
"""dm-integrity on a disk that returns other data than was written: what no driver can see becomes an error.

A disk of the emulator has a byte of each read wrong from some moment on, with the right length and status. The block device above it,
made by the kernel's own dm-integrity with a checksum for each sector, is written and read again and again: it is right every time until
a read fails, and wrong data never comes out. Read without it, the disk gives wrong data and no error.

Rows: H5
"""

import hashlib
import lzma
import subprocess

from harness import devices
from harness.case import BUILD, ROOT
from harness.emulator import Emulator

TIMEOUT = 300
MODULES = BUILD / "kernels" / "stock" / "lib" / "modules"
# Reads that are right, and blocks of 4 KiB that are read each time.
RIGHT, BLOCKS = 4000, 1024
PASSES = 12
TABLE = "integrity /dev/{disk} 0 - D 1 internal_hash:sha256"
DMSETUP = "LD_LIBRARY_PATH=/rvtest/dm /rvtest/dm/dmsetup"


def overlay(t):
    """A folder for the guest with dmsetup, its libraries, and the modules in the order in which they are loaded."""
    folder = t.directory / "overlay"
    target = folder / "rvtest" / "dm"
    target.mkdir(parents=True)
    script = f"cp -L /usr/sbin/dmsetup $(ldd /usr/sbin/dmsetup | grep -o '/[^ ]*/lib[^ ]*so[^ ]*' | grep -v ld-linux) {target}"
    subprocess.run([ROOT / "scripts" / "in-root", "sh", "-c", script], check=True)
    tree = next(MODULES.iterdir())
    for line in (tree / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, needs = line.partition(":")
        if path.split("/")[-1].startswith("dm-integrity.ko"):
            for number, name in enumerate([*reversed(needs.split()), path]):
                file_name = name.split("/")[-1].removesuffix(".xz")
                data = (tree / name).read_bytes()
                (target / f"{number:02}-{file_name}").write_bytes(lzma.decompress(data) if name.endswith(".xz") else data)
    return folder


def make(g, disk):
    """Makes the block device: once to have the disk formatted, then at the size that it has then."""
    g.sh(f"for module in /rvtest/dm/*.ko; do insmod $module || exit 1; done; "
         f"dd if=/dev/zero of=/dev/{disk} bs=4k count=1 oflag=direct 2>/dev/null; "
         f"{DMSETUP} create --noudevsync whole --table '0 1 {TABLE.format(disk=disk)}' && {DMSETUP} remove --noudevsync whole", 60)
    sectors = int(g.sh(f"od -An -t u8 -j 16 -N 8 /dev/{disk}"))
    g.sh(f"{DMSETUP} create --noudevsync whole --table '0 {sectors} {TABLE.format(disk=disk)}'; [ -b /dev/dm-0 ]", 60)


def run(t):
    """One boot."""
    t.allow(r"I/O error|checksum failed", "reads of a disk that returns wrong data")
    image = t.disk("disk.img", 16 << 20)
    with Emulator(t, "blk", "--disk", image, "--fault", f"read-wrong:after={RIGHT}") as device:
        qemu = [*Emulator.memory(), *device.qemu("disk", addr="4")]
        with t.boot(args=[*devices.BARE, "--overlay", overlay(t)], qemu=qemu) as g:
            disk = g.sh(f"disk_of {g.pci('disk')}")
            make(g, disk)
            g.sh(f"head -c {BLOCKS * 4096} /dev/urandom >/tmp/data && "
                 "dd if=/tmp/data of=/dev/dm-0 bs=64k oflag=direct conv=fsync 2>/dev/null", 120)
            ends = []
            while len(ends) < PASSES and "failed" not in ends:
                status, _ = g.run(f"dd if=/dev/dm-0 of=/tmp/back bs=4k count={BLOCKS} iflag=direct 2>/dev/null", 120)
                same = g.run("head -c $(wc -c </tmp/back) /tmp/data | cmp -s - /tmp/back")[0] == 0
                t.check(same, f"wrong data came through, after {ends}")
                ends.append("right" if status == 0 else "failed")
            t.check(ends[0] == "right" and ends[-1] == "failed", f"what came of reading again and again: {ends}")
            t.check(g.run("dmesg | grep -qi 'integrity.*checksum failed'")[0] == 0, "dm-integrity has not said why")
            g.sh(f"{DMSETUP} remove --noudevsync whole", 60)
            read = g.sh(f"dd if=/dev/{disk} bs=4k count=64 iflag=direct 2>/dev/null | sha256sum").split()[0]
            with open(image, "rb") as there:
                right = hashlib.sha256(there.read(64 * 4096)).hexdigest()
            t.check(read != right, "without dm-integrity the data is right")
