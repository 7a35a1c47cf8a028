# SPDX-License-Identifier: GPL-2.0
"""Files that are written, synced and renamed over older ones until the system ends from one moment to the next."""

import hashlib
import re
import time

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


def begin(g, disk):
    """Makes a file system on the disk and starts the writers; after each file the log says that it is synced."""
    g.sh(f"mkfs.ext4 -q -F /dev/{disk} && mount -t ext4 /dev/{disk} /mnt && sync", 120)
    g.sh(WRITERS.replace("NAMES", str(NAMES)))


def said(g, since=0):
    """Name and round of each file that was synced, the last of each name, by the log from `since` on."""
    found = re.findall(r"rvtest: synced (\d-\d+) (\d+)", g.log_text()[since:])
    return {name: int(number) for name, number in found}, len(found)


def wait(t, g, wanted, since=0):
    """Waits until so many files were synced."""
    end = time.monotonic() + 120
    while said(g, since)[1] < wanted:
        t.check(time.monotonic() < end, f"{said(g, since)[1]} files were synced in two minutes")
        time.sleep(0.05)


def _content(writer, number):
    """What a writer puts into the file of its round `number`."""
    return f"{writer} {number}\n".encode() * (number * 37 % 900 + 1)


def check(t, last, sums):
    """Each file that was said to be synced has, by its SHA-256, the content of that round or of a later one."""
    t.check(last, "nothing was synced")
    for name, number in last.items():
        t.check(name in sums, f"{name} was synced in round {number} and is not there")
        later = [number + step * NAMES for step in range(3)]
        wanted = [hashlib.sha256(_content(name.split("-")[0], n)).hexdigest() for n in later]
        t.check(sums[name] in wanted, f"{name}, synced in round {number}, has a content that was never written so")
