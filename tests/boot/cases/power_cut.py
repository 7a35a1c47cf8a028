# SPDX-License-Identifier: GPL-2.0
"""The guest loses its power at random moments of writing; what was synced is there, and the file system is whole.

On ext4, files of changing sizes are written, synced, renamed over older ones and synced again, two at a time; after each the
log says so. QEMU is killed, at a moment between two such lines. On the host the journal is replayed, after which the file
system has no fault; each file that was said to be synced is there with the content it was said to have, or with that of a
later round. `RVIRTIO_LONG` in the environment, as `make test-long` has it, makes it twenty times instead of three.

Rows: B34 B40
"""

import hashlib
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

from harness import devices, synced

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 20 if os.environ.get("RVIRTIO_LONG") else 3
TIMEOUT = 200 * ROUNDS


def in_root(*command):
    """Runs one of the build root's programs."""
    return subprocess.run([ROOT / "scripts" / "in-root", *map(str, command)], check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def write_and_cut(t, g):
    """Runs the writers until the power goes."""
    synced.begin(g, g.sh(f"disk_of {g.pci('disk')}"))
    synced.wait(t, g, random.randrange(10, 60))
    time.sleep(random.random() * 0.2)
    g.cut_power()
    return synced.said(g)[0]


def look(t, image, last):
    """What the host finds."""
    replayed = in_root("e2fsck", "-fp", image)
    t.check(replayed.returncode in (0, 1), f"e2fsck ended with {replayed.returncode}: {replayed.stdout}")
    whole = in_root("e2fsck", "-fn", image)
    t.equal(whole.returncode, 0, f"e2fsck once more, which said {whole.stdout}")
    out = t.directory / "out"
    out.mkdir()
    in_root("debugfs", "-R", f"rdump / {out}", image)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*-*")}
    synced.check(t, last, sums)
    shutil.rmtree(out)


def run(t):
    """The rounds, each with a new guest."""
    for number in range(ROUNDS):
        image = t.disk(f"disk{number}.img", 48 << 20)
        with t.boot(args=devices.BARE, qemu=devices.disk("disk", image), seconds=150) as g:
            last = write_and_cut(t, g)
        look(t, image, last)
        image.unlink()
