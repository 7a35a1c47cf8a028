# SPDX-License-Identifier: GPL-2.0
"""A file system made on the disk holds 2000 real files, right in the guest and right on the host: ext4, xfs and btrfs.

Copies 2400 files of the build root from a read-only disk to a new file system on each of three disks, unmounts, checks the file
system, mounts again and compares every checksum. After the guest is off, each file system's own checker looks at the image on
the host; what can take files out of an image (debugfs, btrfs restore; xfs has nothing) does so, and every checksum is
compared again.

Rows: B33 B40 B59 T84 T90
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from harness import devices

TIMEOUT = 360
ROOT = Path(__file__).resolve().parents[3]
FILES = 2400

# How to make it, to check it, and on the host to take its files out, with `{disk}` and `{out}`. xfs wants 300 MiB and more.
FILE_SYSTEMS = {
    "ext4": (256, "mkfs.ext4 -q {disk}", "e2fsck -fn {disk}", ["debugfs", "-R", "rdump / {out}", "{disk}"]),
    "xfs": (384, "mkfs.xfs -q {disk}", "xfs_repair -n {disk}", None),
    "btrfs": (256, "mkfs.btrfs -q {disk}", "btrfs check --readonly {disk}", ["btrfs", "restore", "{disk}", "{out}"]),
}


def _sum(path):
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def gather(tree):
    """Fills `tree` with real files; returns name and checksum of each."""
    source = Path(os.environ.get("RVIRTIO_ROOT", ROOT / "build" / "root")) / "usr"
    sums = {}
    for folder in ("share", "lib", "include"):
        for path in sorted((source / folder).rglob("*")):
            if len(sums) == FILES:
                return sums
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1 << 20:
                continue
            name = str(path.relative_to(source))
            if not name.isascii() or any(c in name for c in " \\'\"\n"):
                continue
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, tree / name)
            sums[name] = _sum(tree / name)
    return sums


def in_root(*command):
    """Runs one of the build root's programs."""
    return subprocess.run([ROOT / "scripts" / "in-root", *map(str, command)], check=True, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def copy(t, g, name, disk, files):
    """A new file system with a copy of what is under /old, compared after it was mounted anew."""
    _, make, check, _ = FILE_SYSTEMS[name]
    g.sh(f"modprobe {name}; {make.format(disk=disk)} && mount -t {name} {disk} /new", 60)
    g.sh("cp -a /old/. /new/ && umount /new", 120)
    g.sh(f"{check.format(disk=disk)} && mount -t {name} -o ro {disk} /new", 60)
    g.sh("echo 3 >/proc/sys/vm/drop_caches; cd /new && sha256sum -c SUMS >/tmp/sums 2>&1 || "
         "{ grep -v ': OK$' /tmp/sums | head -n 3; exit 1; }", 120)
    t.equal(int(g.sh("grep -c ': OK$' /tmp/sums")), files, f"files with the right checksum in the guest, on {name}")
    g.sh("umount /new")


def look(t, name, image, sums):
    """The same on the host."""
    _, _, check, take_out = FILE_SYSTEMS[name]
    in_root(*check.format(disk=image).split())
    if take_out is None:
        return
    out = t.directory / f"{name}.out"
    out.mkdir()
    in_root(*(word.format(disk=image, out=out) for word in take_out))
    wrong = [file for file, value in sums.items() if not (out / file).is_file() or _sum(out / file) != value]
    t.check(not wrong, f"{len(wrong)} files of {name} differ on the host, the first is {wrong[:1]}")
    shutil.rmtree(out)


def run(t):
    """The copies and the comparisons."""
    tree = t.directory / "tree"
    tree.mkdir()
    sums = gather(tree)
    t.check(len(sums) >= 2000, f"only {len(sums)} files to copy")
    (tree / "SUMS").write_text("".join(f"{value}  {name}\n" for name, value in sorted(sums.items())))
    source = t.disk("source.img", 256 << 20)
    in_root("mke2fs", "-q", "-t", "ext4", "-d", tree, source)
    qemu = devices.backing("source", source, read_only=True) + devices.blk("source", "source")
    images = {name: t.disk(f"{name}.img", size << 20) for name, (size, *_) in FILE_SYSTEMS.items()}
    for name, image in images.items():
        qemu += devices.disk(name, image)
    with t.boot(args=[*devices.BARE, "--file-systems"], qemu=qemu) as g:
        g.sh(f"mkdir -p /old /new && mount -t ext4 -o ro /dev/$(disk_of {g.pci('source')}) /old")
        for name in FILE_SYSTEMS:
            copy(t, g, name, "/dev/" + g.sh(f"disk_of {g.pci(name)}"), len(sums))
    for name, image in images.items():
        look(t, name, image, sums)
