# SPDX-License-Identifier: GPL-2.0
"""--root image: a small real Debian on an ext4 image, made without mounting anything."""

import os
import subprocess

from . import buildroot, steps
from .guest import GUEST
from .steps import BUILD, Fail

PACKAGES = """iproute2 iputils-ping pciutils kmod procps ethtool e2fsprogs fio iperf3 less""".split()
SIZE = "1536M"


def disk(name):
    """The root disk of the guest called `name`: its own copy, kept between runs."""
    with steps.locked("root file system"):
        path = BUILD / "disks" / f"{name}-root.img"
        base = _ensure_base()
        wanted = steps.stamp_of(base).read_text()
        if not steps.is_current(path, wanted):
            with steps.making(path, wanted) as fresh:
                argv = ["cp", "--sparse=always", "--reflink=auto", str(base), str(fresh)]
                if subprocess.run(argv, check=False).returncode != 0:
                    raise Fail(f"cannot copy the root file system to {path}: disk full?")
        return path


def _ensure_base():
    base = GUEST / "root.img"
    wanted = steps.key(buildroot.SUITE, SIZE, *PACKAGES)
    if steps.is_current(base, wanted):
        return base
    GUEST.mkdir(parents=True, exist_ok=True)
    tree = GUEST / ".root"
    steps.remove(tree)
    with steps.step("root file system: a small Debian", "about 30 s"), steps.making(base, wanted) as fresh:
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
                *buildroot.LEFT_OUT, buildroot.SUITE, str(tree), f"deb {buildroot.MIRROR} {buildroot.SUITE} main"]
        environment = {**os.environ, "TMPDIR": str(GUEST), "LC_ALL": "C.UTF-8"}
        steps.run("making the root file system", [*buildroot.enter(), *argv], "rootfs.log", env=environment)
        steps.run_in_root("making the root file system's image",
                          ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), str(fresh), SIZE],
                          "rootfs.log", append=True)
        steps.remove(tree)
    return base
