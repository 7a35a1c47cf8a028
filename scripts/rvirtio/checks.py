# SPDX-License-Identifier: GPL-2.0
"""What judges sources without running them: rustfmt, clippy, shellcheck; and their documentation."""

import json
import os
import re
import shlex
import subprocess

from . import kernels, modules, steps
from .steps import BUILD, Fail, IN_ROOT, REPO

RUST_ROOMS = ("drivers", "rust", "samples", "tests", "emulator")
SHELL_ROOMS = ("scripts", "tests", ".ci", "samples")
HOST_PACKAGES = ("tests/host", "tests/fuzz", "emulator")


def _tool(argv, what, **kwargs):
    """A tool of the build root, with its output for the user."""
    if subprocess.run([IN_ROOT, *argv], check=False, **kwargs).returncode != 0:
        raise Fail(what)


def _files(rooms, wanted):
    found = [path for room in rooms for path in sorted((REPO / room).rglob("*"))
             if path.is_file() and "target" not in path.parts]
    return [path for path in found if wanted(path)]


def _rust_files():
    return [str(path) for path in _files(RUST_ROOMS, lambda path: path.suffix == ".rs")]


def fmt_check():
    """Is every Rust file as rustfmt would have it?"""
    _tool(["rustfmt", "--check", "--edition", "2021", *_rust_files()], "not formatted: run make fmt")


def fmt():
    """Formats every Rust file."""
    _tool(["rustfmt", "--edition", "2021", *_rust_files()], "rustfmt failed")


def _is_shell(path):
    with open(path, "rb") as start:
        head = start.read(200)
    return re.match(rb"#!(/bin/|/usr/bin/env )(ba|da)?sh\b", head) is not None or b"# shellcheck shell=" in head


def shellcheck():
    """Is every shell script clean?"""
    scripts = [*REPO.glob("*.sh"), *_files(SHELL_ROOMS, _is_shell)]
    _tool(["shellcheck", *map(str, scripts)], "shellcheck has complaints")


def clippy():
    """Is clippy content with the modules on both kernels, and with the host packages?"""
    for kernel in ("stock", "kunit"):
        kernels.ensure(kernel)
        out = BUILD / "clippy" / kernel
        out.mkdir(parents=True, exist_ok=True)
        with steps.step(f"clippy over the modules for the {kernel} kernel"):
            modules.build(modules.make_in_root(kernel, out, "CLIPPY=1", "KRUSTFLAGS=-Dwarnings", "modules"),
                          f"clippy-{kernel}.log", "clippy")
    for package in HOST_PACKAGES:
        if (REPO / package / "Cargo.toml").exists():
            with steps.step(f"clippy over {package}"):
                argv = ["env", f"CARGO_TARGET_DIR={BUILD}/clippy/host", "cargo", "clippy", "--offline", "--all-targets",
                        "--manifest-path", str(REPO / package / "Cargo.toml"), "--", "-Dwarnings"]
                modules.build([IN_ROOT, *argv], "clippy-host.log", "clippy")


def doc():
    """Documentation of each module, private items too, by replaying the compiler's flags to rustdoc."""
    kernels.ensure("stock")
    built = modules.ensure("stock")
    pages = BUILD / "doc"
    for record in sorted(built.rglob(".virtio_*.o.cmd")):
        command = re.match(r"savedcmd_\S+ := (.*)", record.read_text()).group(1)
        command = re.sub(r"--emit=\S+|--out-dir \S+", "", command).replace(" rustc ", " rustdoc ", 1)
        command += f" --output {shlex.quote(str(pages))} --document-private-items"
        environment = {**os.environ, "RVIRTIO_OBJ": str(record.parent), "RUSTC_BOOTSTRAP": "1"}
        with steps.step(f"documentation of r{record.name[1:-6]}"):
            steps.run_in_root("rustdoc", ["sh", "-c", f"cd {shlex.quote(str(built))} && {command}"],
                              "doc.log", env=environment)
    steps.say(f"documentation: {', '.join(str(page.relative_to(REPO)) for page in sorted(pages.glob('*/index.html')))}")


def rust_analyzer():
    """rust-project.json for editors, with paths as they are on the host."""
    kernels.ensure("stock")
    built = modules.ensure("stock")
    with steps.step("rust-project.json"):
        modules.build(modules.make_in_root("stock", built, "rust-analyzer"), "rust-analyzer.log")
    made = next((path for path in (built / "rust-project.json", REPO / "rust-project.json") if path.exists()), None)
    if made is None:
        raise Fail("the kernel's rust-analyzer target wrote no rust-project.json")
    text = made.read_text().replace("/kernels/", f"{kernels.KERNELS}/").replace('"/usr/lib/', f'"{steps.ROOT}/usr/lib/')
    project = json.loads(text)
    # The kernel's script looks for crates in all of our folder, and finds the kernel's own again in build/.
    base = next(number for number, crate in enumerate(project["crates"]) if crate["display_name"] == "kernel")
    project["crates"] = [crate for number, crate in enumerate(project["crates"])
                         if number <= base or _is_ours(crate["root_module"])]
    (REPO / "rust-project.json").write_text(json.dumps(project))


def _is_ours(name):
    return name.startswith(f"{REPO}/") and not name.startswith(f"{BUILD}/")
