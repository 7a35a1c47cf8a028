# SPDX-License-Identifier: GPL-2.0
"""What --kernel names: a kernel made by set-up, a kernel image, or a kernel build tree."""

import dataclasses
import pathlib
import shutil
import subprocess

from . import kernels, modules, steps
from .steps import BUILD, Fail


@dataclasses.dataclass
class Chosen:
    """A kernel to boot: its image, its own modules if it has any, our modules built for it."""
    name: str
    image: pathlib.Path
    release: str
    modules: pathlib.Path
    ours: pathlib.Path
    identity: str


def choose(name, with_ours):
    """The kernel that --kernel names, made if set-up makes it; with our modules if they are wanted."""
    if "/" in name or pathlib.Path(name).exists() and name not in kernels.names():
        return _at(pathlib.Path(name).absolute(), with_ours)
    kernels.ensure(name)
    release = kernels.release(name)
    folder = kernels.KERNELS / name
    return Chosen(name, folder / "bzImage", release, folder / "lib" / "modules" / release,
                  modules.ensure(name) if with_ours else None, steps.stamp_of(folder).read_text())


def _at(path, with_ours):
    if not path.exists():
        raise Fail(f"--kernel {path}: no such kernel; by name there are {', '.join(kernels.names())}")
    if path.is_dir():
        image = path / "arch" / "x86" / "boot" / "bzImage"
        if not image.exists():
            raise Fail(f"--kernel {path}: no arch/x86/boot/bzImage there, build that kernel first")
        release = release_of(image)
        own = _modules_of_tree(path, release)
        ours = modules.in_tree_of(path, "modules", quiet=True) if with_ours else None
    else:
        image, release = path, release_of(path)
        installed = pathlib.Path("/lib/modules") / release
        own = installed if installed.exists() else None
        ours = modules.MODULES / release
        if with_ours and not list(ours.rglob("rvirtio_*.ko")):
            raise Fail(f"--kernel {path} is {release}, and our modules are not built for that: make KDIR=... first")
    return Chosen(f"path-{steps.key(str(path))}", image, release, own, ours if with_ours else None,
                  steps.key(image, str(own)))


def release_of(image):
    """The release a bzImage names in its header."""
    with open(image, "rb") as data:
        head = data.read(0x10000)
    if head[0x202:0x206] != b"HdrS" and head[0x202:0x206] != b"SrdH":
        raise Fail(f"--kernel {image}: no x86 kernel image")
    at = int.from_bytes(head[0x20e:0x210], "little") + 0x200
    return head[at:at + 200].split(b"\0")[0].split(b" ")[0].decode(errors="replace")


def _modules_of_tree(path, release):
    """A build tree's own modules, laid out as modprobe wants them."""
    order = path / "modules.order"
    if not order.exists():
        return None
    target = BUILD / "guest" / f".tree-{steps.key(str(path))}" / "lib" / "modules" / release
    steps.remove(target)
    target.mkdir(parents=True)
    for name in order.read_text().split():
        built = path / name.replace(".o", ".ko")
        if built.exists():
            (target / "kernel" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(built, target / "kernel" / built.relative_to(path))
    for name in ("modules.builtin", "modules.builtin.modinfo"):
        if (path / name).exists():
            shutil.copyfile(path / name, target / name)
    base = target.parents[2]
    if subprocess.run([steps.IN_ROOT, "depmod", "-b", str(base), release], check=False).returncode != 0:
        raise Fail(f"--kernel {path}: depmod failed")
    return target
