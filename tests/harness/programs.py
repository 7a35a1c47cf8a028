# SPDX-License-Identifier: GPL-2.0
"""Programs of the tests' own that are compiled when a case needs them, for its guest or for the host."""

import contextlib
import subprocess

from .case import ROOT

SOURCES = ROOT / "tests" / "boot"


def build(t, path, source, *words):
    """Compiles a file of ours to `path`; the first of the words is the compiler."""
    command = [ROOT / "scripts" / "in-root", *words, "-O2", "-Wall", "-Werror", SOURCES / source, "-o", path]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    t.equal((done.returncode, done.stderr), (0, ""), f"exit status and messages of the compiler of {source}")


def overlay(t, *sources):
    """A folder for the guest with these programs in /rvtest, which need none of its libraries."""
    folder = t.directory / "overlay"
    (folder / "rvtest").mkdir(parents=True, exist_ok=True)
    for source in sources:
        build(t, folder / "rvtest" / source.rsplit("/", 1)[-1].removesuffix(".c"), source, "gcc", "-static")
    return folder


@contextlib.contextmanager
def served(t, overlay_folder, enter, port):
    """`flows` of an overlay as a server on the host, where `enter` leads."""
    server = subprocess.Popen([*enter, overlay_folder / "rvtest" / "flows", "serve", str(port)], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        t.equal(server.poll(), None, "exit status of the server of flows, which is to serve still")
        server.kill()
        server.wait()
