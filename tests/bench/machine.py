# SPDX-License-Identifier: GPL-2.0
"""A guest with two of each device, one on Linux's driver and one on ours, in which windows are counted."""

import contextlib

from harness import devices
from harness.registers import Registers
from rvirtio import steps
from rvirtio.kernels import KERNELS, release
from rvirtio.modules import MODULES

from . import build, counts, elf, network

# Each driver has a disk and, in the slot after it, a card.
DRIVERS = ("c", "rust")
DISK_SLOT = {"c": 4, "rust": 6}
CARD_SLOT = {"c": 5, "rust": 7}
DISK_BYTES = 512 << 20
KEPT = build.OUT / "kernel-symbols"

# Where further disks are; our driver alone has such.
MORE_SLOTS = 9

# A disk of Linux's driver on which the guest hands its kernel's symbols over.
SCRATCH_SLOT = 8

# For the kernel's command line: one queue of each disk is polled.
POLL_ONE = "virtio_blk.poll_queues=1 rvirtio_blk.poll_queues=1"

# Seconds for the guest's start and for each thing it does; a busy host may let it wait for long.
PATIENCE = 900

_SECTIONS = """for path in /sys/module/{module}/sections/.*text*; do echo "${{path##*/}} $(cat "$path")"; done"""


def modules_of_both():
    """The drivers' modules, name and file: Linux's and ours."""
    stock = KERNELS / "stock" / "lib" / "modules"
    for names, folder in ((counts.C_MODULES, stock), (counts.OUR_MODULES, MODULES / release("stock"))):
        for name in names:
            yield name, next(folder.rglob(f"{name}.ko*"))


class Machine:
    """`with Machine(t, cpus, cards) as machine`: boots, and counts windows until the context ends.

    With `timed` it is one for measuring times: on real processors, which nothing can count on.
    """

    def __init__(self, t, cpus, cards, polled=False, disks=1, timed=False):
        self._t = t
        self._timed = timed
        self._polled = polled
        self._more = disks - 1
        self._cpus = cpus
        self._cards = cards
        self._output = t.directory / "counts"
        # The kernel's own symbols are kept: reading them takes the guest a while.
        self._symbols_key = steps.key(steps.stamp_of(KERNELS / "stock").read_text())
        self._known = timed or steps.is_current(KEPT, self._symbols_key)
        self._seen = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if self._cards:
                stack.enter_context(network.Servers())
            self.guest = stack.enter_context(self._t.boot(
                args=(*devices.BARE, "--smp", self._cpus, "--accel", "kvm" if self._timed else "tcg", "--start-timeout", PATIENCE,
                      "--overlay", build.OVERLAY, *(("--append", POLL_ONE) if self._polled else ())),
                qemu=self._qemu(), seconds=PATIENCE,
                driver="override:" + ",".join(self._our_addresses())))
            self._stack.callback(stack.pop_all().close)
        self._find()
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def _our_addresses(self):
        """Where the devices are that are for our drivers."""
        yield from (f"{DISK_SLOT['rust']:02x}.0", f"{CARD_SLOT['rust']:02x}.0")
        yield from (f"{slot:02x}.0" for slot in self._more_slots())

    def _more_slots(self):
        """Slots of our driver's further disks."""
        return range(MORE_SLOTS, MORE_SLOTS + self._more)

    def _more_disks(self):
        """QEMU's words for these disks."""
        for slot in self._more_slots():
            yield from ("-blockdev", f"null-co,node-name=node-{slot},size={DISK_BYTES},read-zeroes=off")
            yield from devices.blk(f"disk-{slot}", f"node-{slot}", addr=f"{slot:#x}")

    def _qemu(self):
        words = [] if self._timed else ["-plugin", f"{build.OUT}/count.so,out={self._output}"]
        # The clock follows the instructions; not possible with several processors that run at the same time.
        if self._cpus == 1 and not self._timed:
            words += ["-icount", "shift=0"]
        for number, driver in enumerate(DRIVERS):
            node = f"{driver}-node"
            words += ["-blockdev", f"null-co,node-name={node},size={DISK_BYTES},read-zeroes=off"]
            words += devices.blk(f"{driver}-disk", node, addr=DISK_SLOT[driver], num__queues=self._cpus)
            if self._cards:
                words += network.qemu(f"{driver}-card", number, CARD_SLOT[driver])
        words += self._more_disks()
        if not self._known:
            words += devices.disk("scratch", self._t.disk("scratch.img", 16 << 20), addr=SCRATCH_SLOT)
        return words

    def _find(self):
        """Where the devices are in the guest, and its symbols."""
        g = self.guest
        if not self._timed:
            self._symbols = self._all_symbols()
        self.names, self._ports = {}, {}
        for driver in DRIVERS:
            disk = f"disk-{self._more_slots()[-1]}" if self._more and driver == "rust" else f"{driver}-disk"
            self.names[driver] = {"disk": "/dev/" + g.sh(f"disk_of {g.pci(disk)}", PATIENCE)}
            self._ports[driver, "block"] = Registers(g, disk).port
        for number, driver in enumerate(DRIVERS if self._cards else ()):
            nic = g.sh(f"nic_of {g.pci(f'{driver}-card')}", PATIENCE)
            g.sh(network.in_guest(nic, number), PATIENCE)
            self.names[driver] |= {"nic": nic, "host": network.host(number), "mac": network.mac(number)}
            self._ports[driver, "network"] = Registers(g, f"{driver}-card").port
        # What the start has left to do is done before the first window.
        g.sh("sleep 2", PATIENCE)

    def _all_symbols(self):
        if not self._known:
            with steps.step("benchmark: the kernel's symbols"), steps.making(KEPT, self._symbols_key) as fresh:
                fresh.write_text(self._kernel_symbols(), encoding="ascii")
        modules = [entry for name, path in modules_of_both()
                   for entry in elf.functions(name, path, self.guest.sh(_SECTIONS.format(module=name), PATIENCE))]
        return counts.Symbols(KEPT.read_text(encoding="ascii"), modules)

    def _kernel_symbols(self):
        disk = self.guest.sh(f"disk_of {self.guest.pci('scratch')}", PATIENCE)
        length = self.guest.sh(f"/bench/load symbols /dev/{disk}", PATIENCE)
        with open(self._t.directory / "scratch.img", "rb") as image:
            return image.read(int(length)).decode()

    def run(self, job, driver):
        """One run of a job on one driver: its figures per unit, and instructions by function."""
        names = self.names[driver]
        if job.prepare:
            self.guest.sh(job.prepare.format(**names), PATIENCE)
        with network.sending(DRIVERS.index(driver), job.wire):
            units = int(self.guest.sh(job.command.format(**names), PATIENCE))
        self._t.check(units > 0, f"{job.name} has done nothing on the {driver} driver")
        found = list(self._new_windows())
        self._t.equal(len(found), 1, f"{job.name}: windows counted")
        figures, profile = counts.figures(found[0], self._symbols, self._ports[driver, job.kind], driver == "rust", units)
        return {**figures, "units": units}, profile

    def _new_windows(self):
        """The windows that were written since the last time."""
        if self._seen is None:
            self._seen = open(self._output, encoding="ascii")
            self._stack.callback(self._seen.close)
        return counts.windows(self._seen.readlines())
