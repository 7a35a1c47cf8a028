# SPDX-License-Identifier: GPL-2.0
"""What a disk and a card hold of the guest's memory, on either driver.

Several devices of a kind are bound and taken off, and the guest's free memory is looked at each time: what one holds is
the difference, by their number. Slabs and lists of free pages make that uncertain by some KiB. What is given back later, as
receive buffers are, is waited for.
"""

from statistics import median

from harness import devices
from harness.case import Case, Test
from rvirtio import steps

from .machine import DRIVERS, PATIENCE

DISKS, CARDS = 12, 6
DISK_SLOT, CARD_SLOT = 4, 16
MODULES = {"c": ("virtio-pci", "virtio-pci"), "rust": ("rvirtio_blk", "rvirtio_net")}
KINDS = {"disk": "a disk with one queue", "closed": "a card with a pair of queues, closed", "open": "the same, open"}

_TAKE = """
    take() { for function; do echo "$function" >/sys/bus/pci/devices/$function/driver/unbind || exit; done; }
"""
_SCRIPT = _TAKE + """
    held() { sync; sleep 3; echo 3 >/proc/sys/vm/drop_caches; sleep 1; awk '$1 == "MemFree:" { print $2 }' /proc/meminfo; }
    give() { # DRIVER FUNCTION...
        driver=$1; shift
        for function; do
            echo "$function" >/sys/bus/pci/drivers/$driver/bind || exit
        done
    }
    before=$(held); give {blk} {disks}; udevadm settle 2>/dev/null; with_disks=$(held); take {disks}
    start=$(held); give {net} {cards}; closed=$(held)
    for function in {cards}; do ip link set $(nic_of $function) up; done
    open=$(held); take {cards}
    echo $((before - with_disks)) $((start - closed)) $((start - open))
"""


def _qemu():
    words = []
    for number in range(DISKS):
        words += ["-blockdev", f"null-co,node-name=node-{number},size={1 << 29},read-zeroes=off"]
        words += devices.blk(f"disk-{number}", f"node-{number}", addr=f"{DISK_SLOT + number:#x}")
    for number in range(CARDS):
        words += devices.user_net(f"card-{number}", addr=f"{CARD_SLOT + number:#x}")
    return words


def measure(reps):
    """KiB that each kind of device holds, for each driver one number of each repetition."""
    t = Test(Case("bench-memory", None, timeout=PATIENCE))
    steps.say("bench: booting a guest for what devices hold of its memory")
    found = {kind: {driver: [] for driver in DRIVERS} for kind in KINDS}
    try:
        # Linux's drivers have all at first: no device is where it is said that one is for ours.
        with t.boot(args=(*devices.BARE, "--smp", 1), qemu=_qemu(), seconds=PATIENCE, driver="override:1f.7") as guest:
            places = {"disks": " ".join(guest.pci(f"disk-{number}") for number in range(DISKS)),
                      "cards": " ".join(guest.pci(f"card-{number}") for number in range(CARDS))}
            guest.sh(f"{_TAKE} take {places['disks']} {places['cards']}; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6", PATIENCE)
            # The first time, slabs grow.
            for repetition in range(-1, reps):
                for driver in DRIVERS:
                    blk, net = MODULES[driver]
                    script = _SCRIPT
                    for word, value in {"blk": blk, "net": net, **places}.items():
                        script = script.replace(f"{{{word}}}", value)
                    disks, closed, opened = (int(word) for word in guest.sh(script, PATIENCE).split())
                    if repetition >= 0:
                        found["disk"][driver].append(disks / DISKS)
                        found["closed"][driver].append(closed / CARDS)
                        found["open"][driver].append(opened / CARDS)
    finally:
        t.clean_up(False)
    return found


def _line(by):
    ours, theirs = (median(by[driver]) for driver in ("rust", "c"))
    return ours, theirs, ours / theirs if theirs else 0


def table(found):
    """Lines of the table."""
    if found:
        yield f"{'memory held, KiB':<40} {'ours':>8} {'C':>8} ratio"
    for kind, by in (found or {}).items():
        ours, theirs, ratio = _line(by)
        yield f"{KINDS[kind]:<40} {ours:>8.1f} {theirs:>8.1f} {ratio:>5.2f}"


def markdown(found):
    """Lines of the figures for docs/performance.md."""
    yield from ("| | ours, KiB | C, KiB | ours by C's |", "|---|---|---|---|")
    for kind, by in found.items():
        ours, theirs, ratio = _line(by)
        yield f"| {KINDS[kind]} | {ours:.0f} | {theirs:.0f} | {ratio:.2f} |"
