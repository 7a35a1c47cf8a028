# SPDX-License-Identifier: GPL-2.0
"""Cells in guests: one boot serves many of them, until one leaves the guest in a state in which nothing more can be told."""

import os
import re
import subprocess
import threading
import time

from .. import devices
from ..case import BUILD, ROOT
from ..emulator import Emulator, program
from ..guest import GuestError
from ..peer import Peer
from .verdict import BOUND, BYTES, REQUEST_BOUND, REQUEST_TIMEOUT, Facts, Verdict, judge, slack

# Slots of a PCI bus that a guest has for devices.
SLOTS = range(3, 0x1c)
# Seconds for a guest with so many devices to start in, on a host that has other things to do.
START = 400
# Seconds between looks at a guest that has not answered, and what it has left once its kernel says that a processor does not go on.
LOOK, GRACE = 10, 60
LOST = re.compile(r"rcu: INFO: .*stall|soft lockup|BUG: |Oops|Kernel panic")
# Rounds of the load: so many that a fault strikes in the middle, few for what is read at the beginning.
ROUNDS, FEW_ROUNDS = 60, 4
# Seconds that load.rs takes at most, beside one request for each of its parts: writing, flushing, reading.
LOAD_LASTS = 40
DRIVERS = {"rust": {"blk": "rvirtio_blk", "net": "rvirtio_net"}, "c": {"blk": "virtio-pci", "net": "virtio-pci"}}
MODULES = {"rust": ("rvirtio_blk", "rvirtio_net"), "c": ("virtio_blk", "virtio_net")}
LOAD = ROOT / "tests" / "hostile" / "load.rs"
# Held by the one that builds it, as guests of one process may start side by side.
BUILDING = threading.Lock()

# What a driver may say of a device that fails, and the kernel of a storm of interrupts and of a card that does not send.
EXPECTED = (r"I/O error", r"Buffer I/O error")
SWITCHED_OFF = ("nobody cared", "Call Trace", "handlers:", "Disabling IRQ")
MISSED = ("NETDEV WATCHDOG",)


def overlay():
    """A folder for the guest with the program that loads a disk, built if it is not up to date."""
    folder = BUILD / "hostile" / "guest"
    target = folder / "rvtest" / "load"
    with BUILDING:
        if not target.exists() or target.stat().st_mtime < LOAD.stat().st_mtime:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f"load.{os.getpid()}")
            subprocess.run([ROOT / "scripts" / "in-root", "rustc", "--edition", "2021", "-O", "-C", "target-feature=+crt-static",
                            "-C", "strip=symbols", "-o", fresh, LOAD], check=True)
            fresh.rename(target)
    return folder


def fault_list(t):
    """What `emulator --fault-list` prints."""
    command = [ROOT / "scripts" / "in-root", program(t), "--fault-list"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


class Boot:
    """One guest and the devices of its cells."""

    def __init__(self, t, driver, kernel, cells):
        self._test, self._driver, self._kernel = t, driver, kernel
        self._cells = cells
        self._images = {}

    def run(self, tell):
        """Serves cells one after the other; tells each with its verdict. Returns the cells that are left."""
        served = {}
        for number, cell in enumerate(self._cells):
            image = self._images[cell] = self._test.disk(f"{number}.img", 64 << 20) if cell.device == "blk" else None
            served[f"d{number}"] = cell.words(image)
        with Peer() as peer, Emulator.several(self._test, served, tolerant=True) as emulated:
            qemu = list(Emulator.memory())
            for slot, (name, cell) in zip(SLOTS, zip(served, self._cells)):
                qemu += emulated.qemu(name, addr=f"{slot:x}")
                if cell.device == "net":
                    qemu += emulated.user_net(name)
            # Requests while a driver binds have the same time-out as those that follow. Its unit tests have been run elsewhere.
            more = ["--append", f"rvirtio_blk.timeout={REQUEST_TIMEOUT} kunit.enable=0", "--overlay", overlay()]
            guest = self._test.boot(args=[*devices.BARE, "--no-bind", "--start-timeout", START, "--kernel", self._kernel, *more],
                                    qemu=qemu, driver=self._driver, seconds=START)
            try:
                # Its log is judged cell by cell, and it need not be able to shut down.
                return self._serve(guest.__enter__(), list(zip(served, self._cells)), peer, tell)
            finally:
                guest.kill()

    def _serve(self, g, todo, peer, tell):
        good = []
        while todo:
            name, cell = todo.pop(0)
            start = time.monotonic()
            try:
                facts = self._cell(g, name, cell, peer)
                verdict = judge(cell, facts, self._images[cell], self._driver)
            except (GuestError, OSError, ValueError) as error:
                verdict = Verdict("DEAD", self._complaint(cell, self._log(g, cell)) or str(error))
            verdict.seconds = time.monotonic() - start
            tell(cell, verdict)
            if verdict.word in ("HANG", "LOG", "DEAD"):
                return [cell for _, cell in todo]
            if verdict.good:
                good.append(cell)
        verdict = self._leave(g)
        if verdict:
            # It may be any of them.
            for cell in good:
                tell(cell, verdict)
        return []

    def _cell(self, g, name, cell, peer):
        """Has the guest go through one cell."""
        address, driver = g.pci(name), DRIVERS[self._driver][cell.device]
        kind = "disk" if cell.device == "blk" else "card"
        # What takes as long as that is left behind.
        patience = slack()
        by_module = self._driver == "rust" and "/once" not in cell.name
        bound = int(BOUND * patience * 1.5)
        words = [address, driver, f"rmmod:{driver}" if by_module else "unbind", bound]
        request = REQUEST_BOUND[self._driver] * patience
        words += [REQUEST_TIMEOUT, ROUNDS if cell.in_the_middle else FEW_ROUNDS, int(1200 * request), int(LOAD_LASTS + 3 * request)] \
            if kind == "disk" else [peer.port, BYTES]
        sent = len(peer.sent)
        begin = f"echo 'rvtest: cell {cell.name}' >/dev/kmsg"
        g.start(f"{begin}; . /rvtest/hostile.sh; hostile_{kind} {' '.join(map(str, words))}")
        # More than all steps may take, most of which a card has: bind, up, a load that takes three times as long, down and unbind.
        facts = Facts.read(self._answer(g, cell, int(8 * bound + LOAD_LASTS + 3 * request)))
        facts.slack = max(patience, slack())
        facts.values["sent"] = peer.sent[sent:]
        log = self._log(g, cell)
        facts.complaint = self._complaint(cell, log)
        facts.said = address in log or "virtio" in log
        return facts

    def _answer(self, g, cell, seconds):
        """What the guest says in the end; one that has lost a processor is not waited for much longer."""
        end, lost = time.monotonic() + seconds, None
        while True:
            try:
                _, text = g.result(LOOK)
                return text
            except GuestError:
                if g.process.poll() is not None:
                    raise
                now = time.monotonic()
                if lost is None and LOST.search(self._log(g, cell)):
                    lost = now
                if now > end or lost is not None and now > lost + GRACE:
                    raise GuestError(f"the guest did not answer within {now - end + seconds:.0f} s") from None

    @staticmethod
    def _log(g, cell):
        """What the kernel has said since the cell began."""
        return g.log_text().split(f"rvtest: cell {cell.name}\n")[-1]

    def _complaint(self, cell, log):
        allowed = MISSED if cell.may_be_missed else ()
        if cell.may_be_switched_off(self._driver) and "nobody cared" in log:
            allowed += SWITCHED_OFF
        log = "\n".join(line for line in log.splitlines() if not any(word in line for word in allowed))
        return self._test.judge(log) or ""

    def _leave(self, g):
        """The modules go at the end, and leave nothing behind: a verdict if it is not so."""
        try:
            g.sh("echo 'rvtest: the end' >/dev/kmsg")
            for module in MODULES[self._driver]:
                _, text = g.run(f". /rvtest/hostile.sh; step rmmod {int(BOUND * slack())} remove_module {module}", 60)
                if not text.startswith("rmmod 0"):
                    return Verdict("HANG", f"at the end of its boot: {module}: {text}")
            _, leaks = g.run("leaks", 300)
        except (GuestError, OSError, ValueError) as error:
            return Verdict("DEAD", f"at the end of its boot: {self._test.judge(g.log_text()) or error}")
        complaint = " ".join(leaks.split()) or self._test.judge(g.log_text().split("rvtest: the end\n")[-1])
        return Verdict("LOG", f"at the end of its boot: {complaint}") if complaint else None


class Todo:
    """Cells that are to be served, for so many guests at a time."""

    def __init__(self, cells, guests=1):
        self._left, self._guests, self._lock = list(cells), guests, threading.Lock()

    def take(self):
        """Those for the next boot: as many as a guest has slots, or its share of what is left. None at the end."""
        with self._lock:
            number = min(len(SLOTS), -(-len(self._left) // max(1, self._guests)))
            now, self._left = self._left[:number], self._left[number:]
            return now

    def put_back(self, cells):
        """Cells that a boot did not come to."""
        with self._lock:
            if self._guests:
                self._left = cells + self._left

    def close(self):
        """Nothing is to be served any more."""
        with self._lock:
            self._left, self._guests = [], 0


def run(t, driver, kernel, todo, tell):
    """Takes cells as long as there are some, in as many boots as it takes."""
    for pattern in EXPECTED:
        t.allow(pattern, "requests to a device that fails them")
    while cells := todo.take():
        todo.put_back(Boot(t, driver, kernel, cells).run(tell))
