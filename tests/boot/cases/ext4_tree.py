# SPDX-License-Identifier: GPL-2.0
"""A file system made on the disk holds 2000 real files, right in the guest and right on the host.

Copies 2400 files of the build root from a second, read-only disk to a new ext4 on the disk under
test, unmounts, checks the file system, mounts again and compares every checksum; after the guest is
off, e2fsck and debugfs look at the image file on the host and every checksum is compared again.

Rows: B33 B40 B59 T84 T90
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from harness import devices

TIMEOUT = 240
ROOT = Path(__file__).resolve().parents[3]
FILES = 2400


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


def run(t):
    """The copy and the two comparisons."""
    tree = t.directory / "tree"
    tree.mkdir()
    sums = gather(tree)
    t.check(len(sums) >= 2000, f"only {len(sums)} files to copy")
    (tree / "SUMS").write_text("".join(f"{value}  {name}\n" for name, value in sorted(sums.items())))
    source, target = t.disk("source.img", 256 << 20), t.disk("target.img", 256 << 20)
    in_root("mke2fs", "-q", "-t", "ext4", "-d", tree, source)
    qemu = devices.backing("source", source, read_only=True) + devices.blk("source", "source")
    qemu += devices.disk("target", target)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        old, new = g.sh(f"disk_of {g.pci('source')}"), g.sh(f"disk_of {g.pci('target')}")
        g.sh(f"mkfs.ext4 -q /dev/{new} && mkdir -p /old /new && "
             f"mount -t ext4 -o ro /dev/{old} /old && mount -t ext4 /dev/{new} /new", 60)
        g.sh("cp -a /old/. /new/ && umount /new", 120)
        g.sh(f"e2fsck -fn /dev/{new} && mount -t ext4 -o ro /dev/{new} /new", 60)
        g.sh("echo 3 >/proc/sys/vm/drop_caches; cd /new && sha256sum -c SUMS >/tmp/sums 2>&1 || "
             "{ grep -v ': OK$' /tmp/sums | head -n 3; exit 1; }", 120)
        t.equal(int(g.sh("grep -c ': OK$' /tmp/sums")), len(sums), "files with the right checksum in the guest")
        g.sh("umount /new /old")
    in_root("e2fsck", "-fn", target)
    out = t.directory / "out"
    out.mkdir()
    in_root("debugfs", "-R", f"rdump / {out}", target)
    wrong = [name for name, value in sums.items() if not (out / name).is_file() or _sum(out / name) != value]
    t.check(not wrong, f"{len(wrong)} files differ on the host, the first is {wrong[:1]}")
