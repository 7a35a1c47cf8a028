# SPDX-License-Identifier: GPL-2.0
"""Small real Debians, made without mounting anything: --root image, and one that boots by itself."""

import os
import shutil
import subprocess

from . import buildroot, kernels, steps
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
    with steps.step("root file system: a small Debian", "about 30 s"), steps.making(base, wanted) as fresh:
        _debian(tree, PACKAGES, "rootfs.log")
        image_of(tree, fresh, SIZE)
        steps.remove(tree)
    return base


def _debian(tree, packages, log):
    """A Debian with these packages in an empty folder."""
    steps.remove(tree)
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
            *buildroot.LEFT_OUT, buildroot.SUITE, str(tree), f"deb {buildroot.MIRROR} {buildroot.SUITE} main"]
    environment = {**os.environ, "TMPDIR": str(GUEST), "LC_ALL": "C.UTF-8"}
    steps.run("making a root file system", [*buildroot.enter(), *argv], log, env=environment)


def image_of(tree, image, size):
    """An ext4 image of a folder."""
    steps.run_in_root("making the root file system's image",
                      ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), str(image), size], "rootfs.log", append=True)


# What a system needs to make an initramfs of its own and to boot from it.
BOOTABLE_PACKAGES = "kmod udev initramfs-tools zstd e2fsprogs iproute2".split()


def bootable_tree():
    """A folder with a Debian, the stock kernel with its modules, and the initramfs that Debian makes for it."""
    kernels.ensure("stock")
    stock = kernels.KERNELS / "stock"
    release = kernels.release("stock")
    tree = GUEST / "bootable"
    with steps.locked("bootable root file system"):
        wanted = steps.key(buildroot.SUITE, steps.stamp_of(stock).read_text(), *BOOTABLE_PACKAGES)
        if steps.is_current(tree, wanted):
            return tree
        GUEST.mkdir(parents=True, exist_ok=True)
        with steps.step("bootable root file system: a small Debian", "about 60 s"), steps.making(tree, wanted) as fresh:
            _debian(fresh, BOOTABLE_PACKAGES, "bootable.log")
            shutil.copytree(stock / "lib" / "modules" / release, fresh / "usr" / "lib" / "modules" / release, symlinks=True)
            shutil.copyfile(stock / "bzImage", fresh / "boot" / f"vmlinuz-{release}")
            shutil.copyfile(stock / "kdir" / ".config", fresh / "boot" / f"config-{release}")
            run_inside(fresh, "making Debian's initramfs", ["update-initramfs", "-c", "-k", release], "bootable.log")
    return tree


def run_inside(tree, what, argv, log):
    """Runs a command with a folder for its root."""
    steps.run(what, [steps.IN_ROOT, *argv], log, append=True, env={**os.environ, "RVIRTIO_ROOT": str(tree)})
