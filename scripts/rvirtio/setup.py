# SPDX-License-Identifier: GPL-2.0
"""`scripts/setup TARGET`: what Makefile and the tests ask for, one part at a time."""

import os
import pathlib
import shutil
import subprocess

from . import buildroot, checks, chosen, deb, emulated, guest, kernels, modules, rootfs, selftests
from .steps import Fail


def _modules(kernel):
    kernels.ensure(kernel)
    return modules.ensure(kernel)


def _guest(kernel):
    guest.ensure(chosen.choose(kernel, True))


def _install(kdir, destination):
    """Copies the modules that were built to where modprobe looks, and indexes them."""
    built = modules.in_tree_of(kdir, "modules") if kdir else _modules("stock")
    target = pathlib.Path(destination or "/") / "lib" / "modules" / built.name
    try:
        (target / "updates").mkdir(parents=True, exist_ok=True)
        for module in sorted(built.rglob("rvirtio_*.ko")):
            shutil.copyfile(module, target / "updates" / module.name)
            print(f"installed {target}/updates/{module.name}")
    except OSError as error:
        raise Fail(f"cannot install: {error}") from None
    depmod = shutil.which("depmod", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if depmod and (target / "modules.order").exists():
        subprocess.run([depmod, "-b", destination or "/", built.name], check=False)
    else:
        print(f"run depmod {built.name} where that kernel runs")


def _root_disk(name):
    print(rootfs.disk(name or "guest"))


def _deb(_):
    for package in deb.ensure():
        print(package)


# Each target: what makes it, and whether it needs the build root.
_TARGETS = {
    "root": lambda _: None,
    "kernel": lambda name: kernels.ensure(name or "stock"),
    "modules": lambda name: _modules(name or "stock"),
    "guest": lambda name: _guest(name or "stock"),
    "root-disk": _root_disk,
    "deb": _deb,
    "bootable": lambda _: rootfs.bootable_tree(),
    "emulator": lambda _: emulated.build(),
    "selftests": lambda _: selftests.ensure(),
    "clippy": lambda _: checks.clippy(),
    "fmt": lambda _: checks.fmt(),
    "fmt-check": lambda _: checks.fmt_check(),
    "shellcheck": lambda _: checks.shellcheck(),
    "doc": lambda _: checks.doc(),
    "rust-analyzer": lambda _: checks.rust_analyzer(),
}


def main(argv):
    """One target, with its argument after a colon; `install:KDIR DESTINATION` alone has two."""
    target, _, argument = (argv[0] if argv else "guest").partition(":")
    if target == "tree":
        modules.in_tree_of(argument, "modules")
    elif target == "install":
        if not argument:
            buildroot.ensure()
        _install(argument, argv[1] if len(argv) > 1 else "")
    elif target in _TARGETS:
        buildroot.ensure()
        _TARGETS[target](argument)
    else:
        raise Fail(f"no target is called {target}: there are tree, install, {', '.join(_TARGETS)}")
    return 0
