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
import re
import subprocess
import time
from pathlib import Path

from harness import devices

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 20 if os.environ.get("RVIRTIO_LONG") else 3
TIMEOUT = 200 * ROUNDS
NAMES = 12

# Writer and round number make a file's content, so that the host can tell what was to be in it.
WRITERS = """
for writer in 0 1; do
    (n=0
    while :; do
        n=$((n + 1)); name=$writer-$((n % NAMES)); lines=$((n * 37 % 900 + 1))
        yes "$writer $n" | head -n $lines >/mnt/new.$writer
        sync /mnt/new.$writer && mv /mnt/new.$writer /mnt/$name && sync /mnt || exit 1
        echo "rvtest: synced $name $n" >/dev/kmsg
    done) &
done
"""


def in_root(*command):
    """Runs one of the build root's programs."""
    return subprocess.run([ROOT / "scripts" / "in-root", *map(str, command)], check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def content(writer, number):
    """What a writer puts into the file of its round `number`."""
    return f"{writer} {number}\n".encode() * (number * 37 % 900 + 1)


def synced(log):
    """Name and round of each file that was synced, the last of each name."""
    found = re.findall(r"rvtest: synced (\d-\d+) (\d+)", log.read_text(errors="replace"))
    return {name: int(number) for name, number in found}, len(found)


def write_and_cut(t, g, image, dice):
    """Runs the writers until the power goes."""
    disk = g.sh(f"disk_of {g.pci('disk')}")
    g.sh(f"mkfs.ext4 -q -F /dev/{disk} && mount -t ext4 /dev/{disk} /mnt && sync", 120)
    g.sh(WRITERS.replace("NAMES", str(NAMES)))
    wanted = dice.randrange(10, 60)
    end = time.monotonic() + 120
    while synced(g.log)[1] < wanted:
        t.check(time.monotonic() < end, f"{synced(g.log)[1]} files were synced in two minutes")
        time.sleep(0.05)
    time.sleep(dice.random() * 0.2)
    g.cut_power()
    return synced(g.log)[0]


def look(t, image, last):
    """What the host finds."""
    replayed = in_root("e2fsck", "-fp", image)
    t.check(replayed.returncode in (0, 1), f"e2fsck ended with {replayed.returncode}: {replayed.stdout}")
    whole = in_root("e2fsck", "-fn", image)
    t.equal(whole.returncode, 0, f"e2fsck once more, which said {whole.stdout}")
    out = t.directory / "out"
    out.mkdir(exist_ok=True)
    in_root("debugfs", "-R", f"rdump / {out}", image)
    for name, number in last.items():
        writer = name.split("-")[0]
        path = out / name
        t.check(path.is_file(), f"{name} was synced in round {number} and is not there")
        found = hashlib.sha256(path.read_bytes()).digest()
        later = [number + step * NAMES for step in range(3)]
        t.check(any(found == hashlib.sha256(content(writer, n)).digest() for n in later),
                f"{name}, synced in round {number}, has {path.stat().st_size} bytes that were never written so")
        path.unlink()


def run(t):
    """The rounds, each with a new guest."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    for number in range(ROUNDS):
        image = t.disk(f"disk{number}.img", 48 << 20)
        with t.boot(args=devices.BARE, qemu=devices.disk("disk", image), seconds=150) as g:
            last = write_and_cut(t, g, image, dice)
        t.check(last, f"round {number}, seed {seed}: nothing was synced")
        look(t, image, last)
        image.unlink()
