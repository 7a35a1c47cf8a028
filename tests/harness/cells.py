# SPDX-License-Identifier: GPL-2.0
"""Cells of a matrix: devices with settings of their own, as many as fit into one guest, such as a disk and a card.

Each cell counts by itself, by its name below the case's. What is wrong with one does not keep the others from being
looked at, unless the guest does not answer any more.
"""

import json
import time
from dataclasses import dataclass

from . import exercise
from .case import Failure
from .guest import GuestError, ScriptError

FIRST_SLOT, LAST_SLOT = 3, 0x1C
# What each cell moves: so much over TCP each way, and the same data to the disk and back.
MEGABYTES = 1
# A card has two queues for frames, and the configuration; what it asks of the control queue has no interrupt.
CARD_LINES = 3


@dataclass
class Cell:
    """What counts by itself, under its name."""

    name: str
    reason: str = ""
    seconds: float = 0.0

    def fail(self, reason):
        """Notes what is wrong; the first reason stays."""
        self.reason = self.reason or " | ".join(str(reason).splitlines()) or type(reason).__name__


@dataclass
class Pair(Cell):
    """A disk and a card; `mode` is what their interrupts should be, `lines` how many the disk has with a vector a queue."""

    mode: str = "perqueue"
    lines: int = 3
    # The checksum of what the guest wrote to the disk's beginning.
    written: str = ""

    @property
    def disk(self):
        """The disk's id."""
        return f"disk-{self.name}"

    @property
    def card(self):
        """The card's id."""
        return f"nic-{self.name}"


def places(cells):
    """Each pair and its PCI addresses: a slot, in which the disk is the first function and the card the second.

    The slots of an interrupt line on which the runner's serial port is are left free as long as there are others.
    """
    slots = sorted(range(FIRST_SLOT, LAST_SLOT + 1), key=lambda slot: (slot % 4 == 1, slot))
    assert len(cells) <= len(slots), f"{len(cells)} cells in {len(slots)} slots"
    for cell, slot in zip(cells, slots):
        yield cell, {"addr": f"{slot:x}.0", "multifunction": True}, {"addr": f"{slot:x}.1"}


class Cells:
    """`with Cells(t, cells) as todo:` reports a result for each that was looked at, whatever happened."""

    def __init__(self, t, cells):
        self._test = t
        self._cells = cells
        self._start = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        reached = [cell for cell in self._cells if cell.seconds or cell.reason]
        rest = time.monotonic() - self._start - sum(cell.seconds for cell in reached)
        log = self._test.logs[-1] if self._test.logs else None
        for cell in reached:
            self._test.part(cell.name, cell.seconds + rest / len(reached), cell.reason, log)
        if error is None:
            self._test.equal(len(reached), len(self._cells), "cells that were looked at")
        return False

    def each(self, check, *args):
        """`check(t, cell, *args)` of each cell that nothing is wrong with."""
        for cell in self._cells:
            if cell.reason:
                continue
            start = time.monotonic()
            try:
                check(self._test, cell, *args)
            except (Failure, ScriptError) as error:
                cell.fail(error)
            except BaseException as error:
                cell.fail(error)
                raise
            finally:
                cell.seconds += time.monotonic() - start


class Pairs(Cells):
    """Pairs of a disk and a card."""

    def exercise(self, g, peer):
        """Verified traffic: on each pair, then on all disks at once."""
        self.each(_pair, g, peer)
        self._together(g)

    def _together(self, g):
        """fio's own checksums at depth 16, on the disks of all cells at the same time."""
        cells = [cell for cell in self._cells if not cell.reason]
        if not cells:
            return
        jobs = " ".join(f"--name={cell.name} --filename=/dev/$(disk_of {g.pci(cell.disk)})" for cell in cells)
        status, said = g.run(
            "fio --offset=16M --size=2M --rw=randwrite --bsrange=512-64k --direct=1 --ioengine=libaio --iodepth=16 "
            f"--verify=crc32c --verify_fatal=1 --thread --output-format=json --output=/tmp/fio {jobs}; "
            "status=$?; cat /tmp/fio; exit $status", 120)
        report = {job["jobname"]: job for job in json.loads(said[said.index("{"):])["jobs"]}
        for cell in cells:
            job = report[cell.name]
            if job["error"] or not job["read"]["total_ios"]:
                cell.fail(f"fio: error {job['error']} after {job['read']['total_ios']} reads")
        if status and not any(cell.reason for cell in cells):
            raise GuestError(f"fio ended with {status}")

    def images(self, paths):
        """The image of each disk, by the cell's name, begins with what the guest has written."""
        self.each(lambda t, cell: exercise.image(t, paths[cell.name], cell.written, MEGABYTES))


def _pair(t, cell, g, peer):
    """Verified traffic on the disk and on the card of a cell; their interrupts are those of the mode, and count up."""
    disk, card = g.pci(cell.disk), g.pci(cell.card)
    said = g.sh(f"pair {disk} {card} {peer.port} {MEGABYTES}", 120)
    found = {}
    for line in said.splitlines():
        key, _, rest = line.partition(" ")
        found.setdefault(key, []).append(rest.split())
    cell.written, = found["disk"][0]
    t.equal(found["received"], [[peer.sent[-1]]], "checksum of what the guest received")
    t.equal(found["answered"], [[cell.written]], "checksum of what the guest sent")
    for address, lines in ((disk, cell.lines), (card, CARD_LINES)):
        names = [name for at, _, _, name in found.get("line", []) if at == address]
        irq, = (irq for at, irq in found["irq"] if at == address)
        exercise.interrupts(t, cell.mode, address, names, lines, int(irq))
        before, after = (int(count) for at, count in found["count"] if at == address)
        t.check(after > before, f"the interrupts of {address} stayed at {after}")
