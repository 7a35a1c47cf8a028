# SPDX-License-Identifier: GPL-2.0
"""Our modules, built out of tree into build/modules/RELEASE: the source folders stay clean."""

import pathlib
import re
import subprocess
import sys

from . import kernels, steps
from .steps import BUILD, Fail, REPO

MODULES = BUILD / "modules"
NAMES = ("rvirtio_blk", "rvirtio_net", "rvirtio_rng")


def _sources():
    """Every file a module may be built from."""
    found = [REPO / "Kbuild"]
    for room in ("drivers", "rust", "samples", "tests/kunit"):
        found += [path for path in sorted((REPO / room).rglob("*")) if path.is_file()]
    return found


def make_in_root(kernel, out, *arguments):
    """The make command for our modules in the build tree of a kernel made by set-up."""
    return [steps.IN_ROOT, "make", "-C", f"/kernels/{kernel}/kdir", f"M={REPO}", f"MO={out}",
            f"KERNELRELEASE={kernels.release(kernel)}", f"-j{kernels.jobs()}", *kernels.make_options(kernel), *arguments]


def ensure(kernel):
    """Builds the modules for a kernel made by set-up, when a source has changed."""
    with steps.locked(f"modules for the {kernel} kernel"):
        return _ensure(kernel, MODULES / kernels.release(kernel))


def _ensure(kernel, out):
    wanted = steps.key(steps.stamp_of(kernels.KERNELS / kernel).read_text(),
                       *(part for path in _sources() for part in (path.relative_to(REPO), path)))
    if steps.is_current(out, wanted):
        return out
    steps.stamp_of(out).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    with steps.step(f"modules for {out.name}", "about 30 s from nothing"):
        build(make_in_root(kernel, out, "modules"), f"modules-{kernel}.log")
    missing = [name for name in NAMES if not list(out.rglob(f"{name}.ko"))]
    if missing:
        raise Fail(f"the build made no {', '.join(missing)}")
    steps.stamp_of(out).write_text(wanted)
    return out


def build(argv, log, what="building the modules"):
    """Runs a build with its output in a log; shows the end of it when it fails."""
    try:
        steps.run(what, argv, log)
    except Fail:
        sys.stderr.write("\n" + "".join((steps.LOGS / "setup" / log).read_text().splitlines(True)[-60:]))
        raise


def check_tree(kdir):
    """One line when modules cannot be built in a kernel tree with the host's toolchain; else its release."""
    config = kdir / ".config"
    if not config.exists():
        raise Fail(f"KDIR={kdir} is no kernel build tree (no .config)")
    text = config.read_text()
    if "CONFIG_RUST=y" not in text:
        raise Fail(f"KDIR={kdir}: that kernel is configured without CONFIG_RUST")
    if not (kdir / "rust" / "libkernel.rmeta").exists():
        raise Fail(f"KDIR={kdir}: no Rust parts there (Debian's header packages have none): "
                   "run make modules_prepare in a full source tree, or make without KDIR")
    release = kdir / "include" / "config" / "kernel.release"
    if not release.exists():
        raise Fail(f"KDIR={kdir} is not prepared: run make modules_prepare there")
    try:
        ours = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise Fail("no rustc on this host: install it, or run make without KDIR to use the build root") from None
    theirs = re.search(r"^CONFIG_RUSTC_VERSION=(\d+)$", text, re.M)
    if theirs and int(theirs.group(1)) != kernels.rustc_number(ours):
        raise Fail(f"KDIR={kdir} was built with rustc {kernels.rustc_words(int(theirs.group(1)))}, this host "
                   f"has {kernels.rustc_words(kernels.rustc_number(ours))}")
    name = release.read_text().strip()
    if not re.match(r"|".join(re.escape(version) + r"(\D|$)" for version in kernels.TESTED), name):
        steps.say(f"KDIR={kdir} is kernel {name}, which is untested here (tested: {', '.join(kernels.TESTED)})")
    return name


def in_tree_of(kdir, target, quiet=False):
    """`make KDIR=...`: builds in any prepared Rust-enabled tree; one of our own, with the build root's tools."""
    kdir = pathlib.Path(kdir).resolve()
    if kdir.is_relative_to(kernels.KERNELS):
        kernel = kdir.relative_to(kernels.KERNELS).parts[0]
        out = MODULES / kernels.release(kernel)
        argv = make_in_root(kernel, out, target)
    else:
        name = check_tree(kdir)
        out = MODULES / name
        argv = ["make", "-C", str(kdir), f"M={REPO}", f"MO={out}", f"KERNELRELEASE={name}",
                f"-j{kernels.jobs()}", target]
    out.mkdir(parents=True, exist_ok=True)
    steps.stamp_of(out).unlink(missing_ok=True)
    if quiet:
        with steps.step(f"modules for {out.name}"):
            build(argv, "modules-tree.log")
    elif subprocess.run(argv, check=False).returncode != 0:
        raise Fail(f"make {target} failed in {kdir}")
    return out
