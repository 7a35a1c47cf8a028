# SPDX-License-Identifier: GPL-2.0
"""Which cells there are: every fault of the emulator at least once, fields of the configuration at their extremes."""

import re
from dataclasses import dataclass, field

LINE = re.compile(r"^  (\S+) +(?:(blk|net) +)?(.*) \(([A-Z0-9 ]+)\)$")
EXTREMES = (0, 1, 3, 0x8001, 0xffffffffffffffff)

# Requests or frames that go well before a fault strikes.
BEFORE = {"blk": 60, "net": 15}

# Faults of what is read while a driver binds: they are there from the beginning.
AT_ONCE = re.compile(r"features-|queue-(size|in-use|deaf|vector)|select-|config-vector|vector-|status-(ones|zero)$|reset-|"
                     r".*-early$|isr-|slow-registers")

# No driver can tell wrong data of the right length from right data; dm-integrity can.
UNDETECTABLE = {"read-half-silent", "read-wrong"}

# Their interrupts may be switched off by the kernel's core, which says so with a stack: our drivers mask a flood themselves, but
# a pin whose device says that it was not the one is the core's alone.
STORMS = {"rust": re.compile(r"isr-zero"), "c": re.compile(r"interrupt-(storm|spurious)|isr-|config-storm")}

# A card that is not there any more: its driver has to find that out, and may not wait until the network core misses packets.
# Not where its server dies while QEMU waits for an answer: QEMU holds all processors for five seconds then, and the network core
# misses them at once.
GONE = re.compile(r"vanish$|gone$")

# What a device does not come back from, though it strikes once.
FOR_GOOD = re.compile(r".*/(dead|crash)/|.*/(vanish|gone)/once")

# Cards: the queues in which used entries are wrong, one at a time: 0 receives, 1 transmits.
CARD_QUEUES = (0, 1)


@dataclass(frozen=True)
class Cell:
    """A device with a fault."""

    name: str
    device: str
    faults: tuple
    options: tuple = ()
    rows: tuple = field(default=(), compare=False)
    what: str = field(default="", compare=False)

    @property
    def fault(self):
        """The name of the first fault."""
        return self.faults[0].split(":")[0]

    @property
    def in_the_middle(self):
        """Whether it strikes later than when the driver binds."""
        return ("after=" in self.faults[0] or "random" in self.name)

    @property
    def comes_back(self):
        """Whether the device does as it should again after the fault, or after it was reset."""
        return self.name.split("/")[2].startswith(("once", "a-while", "back")) and FOR_GOOD.match(self.name) is None

    @property
    def undetectable(self):
        """Whether wrong data is no driver's fault."""
        return self.fault in UNDETECTABLE

    def may_be_switched_off(self, driver):
        """Whether the kernel may switch an interrupt off."""
        return STORMS[driver].match(self.fault) is not None

    @property
    def may_be_missed(self):
        """Whether the network core may be the first to notice that packets are not sent."""
        return GONE.match(self.fault) is None

    def words(self, disk):
        """The emulator's command line; `disk` is the image of a disk."""
        words = ["blk", "--disk", disk] if self.device == "blk" else ["net"]
        return [*words, *self.options, *(word for fault in self.faults for word in ("--fault", fault))]


@dataclass
class Fault:
    """A line of `emulator --fault-list`."""

    name: str
    device: str
    what: str
    rows: tuple
    subject: str


def faults(text):
    """The faults of `emulator --fault-list`, in its order."""
    found, subject = [], ""
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            subject = line.rstrip(":")
            continue
        name, device, what, rows = match.groups()
        found.append(Fault(name, device, what, tuple(rows.split()), subject))
    return found


def _options(device, fault):
    """What a device must offer for a fault to matter."""
    if device == "blk":
        options = ["--queues", "2", "--features", "+SIZE_MAX" if fault.name == "size-max" else "-NOTIFY_ON_EMPTY"]
    else:
        options = ["--mtu", "1500"]
        if fault.name == "pairs":
            options += ["--queues", "2"]
    if fault.name.startswith("isr-"):
        options += ["--vectors", "0"]
    return tuple(options)


def _of_configuration(fault, device):
    """A field at its extremes; one that moves, as it is."""
    if fault.name.endswith(("-torn", "-flaps")):
        yield from (Cell(f"{fault.name}/{how}", device, (f"{fault.name}{limit}",))
                    for how, limit in (("a-while", ":count=100"), ("always", "")))
        return
    if fault.name == "mtu":
        # Sane at the first looks, then not.
        yield Cell("mtu/later", device, ("mtu:after=4:value=1",))
    values = (0, 2, *EXTREMES[1:]) if fault.name == "wce" else EXTREMES
    for value in values:
        shown = "ones" if value == EXTREMES[-1] else value
        yield Cell(f"{fault.name}/{shown}", device, (f"{fault.name}:value={value}",))


def _of_behaviour(fault, device):
    """Once in the middle of things, and from then on."""
    name = fault.name
    if name == "queue-size":
        for value in (0, 1, 2, 3, 4, 0x4000, 0x8000, 0x8001, 0xffff):
            yield Cell(f"{name}/{value}", device, (f"{name}:value={value}",))
        return
    if AT_ONCE.match(name):
        yield Cell(f"{name}/always", device, (name,))
        if name in ("reset-refused", "reset-unseen", "status-ones", "status-zero"):
            # Not the reset with which the driver begins.
            yield Cell(f"{name}/later", device, (f"{name}:after={dict(status=30).get(name.split('-')[0], 1)}",))
        return
    if name in ("vanish", "gone"):
        yield Cell(f"{name}/back", device, (f"{name}:after={BEFORE[device]}:count=1:value=300",))
    if device == "net" and fault.subject == "The used ring":
        for queue in CARD_QUEUES:
            yield Cell(f"{name}/once-{queue}", device, (f"{name}:after={BEFORE[device]}:count=1:queue={queue}",))
        yield Cell(f"{name}/always", device, (f"{name}:after={BEFORE[device]}",))
        return
    after = 1 if device == "net" and name.startswith(("silence", "answer")) else BEFORE[device]
    if name in ("serial-bytes", "flush-error", "notify-lost"):
        after = 0
    if name == "raw":
        # The flags and the number of the next of a descriptor: a device that changes an address and believes it itself corrupts
        # the guest.
        for at in (12, 14):
            yield Cell(f"{name}/at-{at}", device, (f"{name}:after={after}:at={at}",))
        return
    yield Cell(f"{name}/once", device, (f"{name}:after={after}:count=1",))
    if name not in ("crash", "freeze", "dead", "vanish", "gone", "interrupt-storm", "config-storm"):
        yield Cell(f"{name}/always", device, (f"{name}:after={after}",))


def all_cells(text, mixtures=12):
    """Every cell, by the text of `emulator --fault-list`; so many mixtures of each device at the end."""
    cells = []
    for fault in faults(text):
        for device in ("blk", "net"):
            if fault.device not in (None, device):
                continue
            make = _of_configuration if fault.subject == "Configuration" else _of_behaviour
            for cell in make(fault, device):
                cells.append(Cell(f"{device}/{cell.name}", device, cell.faults, _options(device, fault), fault.rows, fault.what))
    for device in ("blk", "net"):
        for seed in range(1, mixtures + 1):
            cells.append(Cell(f"{device}/random/{seed}", device, (f"random:{seed}",), ("--queues", "2")[:2 * (device == "blk")], (),
                              "a mixture of faults and of 16 bits written anywhere into a used ring"))
    return cells


def one_of_each(cells):
    """Of each fault on each device that it applies to, the first cell: those that strike once rather than those that stay."""
    first = {}
    for cell in cells:
        first.setdefault((cell.device, cell.name.split("/")[1]), cell)
    return list(first.values())
