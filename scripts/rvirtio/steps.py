# SPDX-License-Identifier: GPL-2.0
"""Steps with a line and a time each, products that are either whole or absent, one-line errors."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = REPO / "build"
ROOT = BUILD / "root"
LOGS = BUILD / "logs"
IN_ROOT = str(REPO / "scripts" / "in-root")

# What a failed command's log says, and what that means in one line.
DISK_FULL = "disk full: free some space where build/ lies and run the same command again"
KNOWN_CAUSES = [
    (("No space left on device", "Disk quota exceeded", "enough free space"), DISK_FULL),
    (("Temporary failure resolving", "Could not resolve", "Network is unreachable",
      "Could not connect to", "Unable to connect to", "Connection timed out",
      "Connection refused", "Connection failed"),
     "no network: the first run fetches Debian packages; run the same command again once "
     "the mirror can be reached"),
]


class Fail(Exception):
    """An error the user is to see as one line."""


def say(text):
    """One line for the user. Standard output belongs to the guest's command."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what, expect=""):
    """Says what is being made, and how long it took once that is more than 2 seconds."""
    print(f"set-up: {what}{f' ({expect})' if expect else ''} ...", end="", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", file=sys.stderr, flush=True)
        raise
    took = time.monotonic() - start
    print(f" {took:.0f} s" if took > 2 else " done", file=sys.stderr, flush=True)


def failure_of(log, what):
    """The one line for a command that failed with its output in `log`."""
    text = log.read_text(errors="replace")
    for words, meaning in KNOWN_CAUSES:
        if any(word in text for word in words):
            return Fail(f"{what}: {meaning}")
    # A full disk may have cut off the log, too.
    if shutil.disk_usage(log.parent).free < 50e6:
        return Fail(f"{what}: {DISK_FULL}")
    shown = log.relative_to(REPO) if log.is_relative_to(REPO) else log
    return Fail(f"{what} failed; its output is in {shown}")


def run(what, argv, log, **kwargs):
    """Runs a command with its output in build/logs/setup/LOG."""
    path = LOGS / "setup" / log
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab" if kwargs.pop("append", False) else "wb") as out:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **kwargs)
    if done.returncode != 0:
        raise failure_of(path, what)


def run_in_root(what, argv, log, **kwargs):
    """The same, inside the build root."""
    run(what, [IN_ROOT, *argv], log, **kwargs)


def ask_root(argv):
    """The standard output of a command inside the build root."""
    done = subprocess.run([IN_ROOT, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Fail(f"inside the build root, {argv[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def shell_in_root(what, script, log, **kwargs):
    """A shell script inside the build root, stopping at the first error."""
    run_in_root(what, ["sh", "-euxc", script], log, **kwargs)


def remove(path):
    """Removes a file or tree, also one with files of subordinate ids, never crossing a mount."""
    if not os.path.lexists(path):
        return
    argv = ["rm", "-rf", "--one-file-system", "--", str(path)]
    if os.getuid() != 0 and path.is_dir() and not path.is_symlink():
        argv = ["unshare", "--user", "--map-root-user", "--map-auto", *argv]
    if subprocess.run(argv, check=False).returncode != 0:
        raise Fail(f"cannot remove {path}: was it made by another user?")


def key(*parts):
    """A short name for content: strings, bytes and files (by their text)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]


def stamp_of(product):
    """Where a product's key is kept: written last, so that a product with a stamp is whole."""
    return product.parent / f".{product.name}.stamp"


def is_current(product, wanted):
    """Whether `product` exists and was made from what `wanted` names."""
    stamp = stamp_of(product)
    return product.exists() and stamp.exists() and stamp.read_text() == wanted


@contextlib.contextmanager
def making(product, wanted):
    """Gives a temporary path to build in; moves it into place and stamps it when all went well."""
    product.parent.mkdir(parents=True, exist_ok=True)
    fresh = product.parent / f".{product.name}.new"
    remove(fresh)
    yield fresh
    stamp_of(product).unlink(missing_ok=True)
    remove(product)
    fresh.rename(product)
    stamp_of(product).write_text(wanted)


def need_space(gigabytes, what):
    """Fails early when the disk cannot hold what is about to be made."""
    free = shutil.disk_usage(BUILD).free / 1e9
    if free < gigabytes:
        raise Fail(f"disk full: {what} needs {gigabytes} GB in {BUILD}, {free:.1f} GB are free")


@contextlib.contextmanager
def locked(what):
    """Makes one product at a time, however many set-ups run: a second one waits and says so."""
    BUILD.mkdir(exist_ok=True)
    if not os.access(BUILD, os.W_OK):
        raise Fail(f"{BUILD} was made by another user: remove it (sudo make distclean) or run as that user")
    with open(BUILD / f".{what.replace(' ', '-')}.lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"set-up: waiting for another set-up that is making the {what}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
