# SPDX-License-Identifier: GPL-2.0
"""From the counting plugin's output to figures: which function an instruction belongs to, and whose function that is."""

import bisect
import re
from collections import Counter
from dataclasses import dataclass, field

# Linux's driver: its modules, and of the kernel itself the virtio core.
C_MODULES = ("virtio_blk", "virtio_net")
C_CORE = re.compile(r"_*(vp_|vring|virtqueue|virtio|detach_buf)")
# Ours: the modules, and the C one-liners that the kernel has for its own Rust code.
OUR_MODULES = ("rvirtio_blk", "rvirtio_net")
OUR_HELPERS = re.compile(r"rust_helper_")

QUEUE_NOTIFY, ISR = 0x10, 0x13

# The function and module of an address that is in none.
ELSEWHERE = ("(another module)", "other")


class Symbols:
    """The guest's functions by address: lines `ADDRESS NAME` of the kernel's own, and address, name, module and bytes of
    those of the modules whose symbols are known."""

    def __init__(self, kernel, modules):
        lines = (line.split() for line in kernel.splitlines())
        table = sorted([(int(address, 16), name, "", 0) for address, name in lines] + modules)
        self._addresses = [entry[0] for entry in table]
        self._functions = table

    def at(self, address):
        """Name and module of the function that an address lies in."""
        start, name, module, size = self._functions[max(0, bisect.bisect_right(self._addresses, address) - 1)]
        # Behind the end of a module is another one.
        return (name, module) if not module or address < start + size else ELSEWHERE

    def entries(self):
        """The range of addresses at which the interrupts of devices arrive, a vector each."""
        found = {name: address for address, name, _, _ in self._functions
                 if name in ("irq_entries_start", "spurious_entries_start")}
        return range(found["irq_entries_start"], found["spurious_entries_start"])


@dataclass
class Window:
    """What the plugin counted between two marks."""

    blocks: dict = field(default_factory=dict)
    ports: dict = field(default_factory=dict)
    interrupts: dict = field(default_factory=dict)
    halts: int = 0


def windows(lines):
    """The windows of a plugin's output that are complete."""
    window = Window()
    for line in lines:
        kind, *words = line.split()
        if kind == "window":
            window = Window()
        elif kind == "t":
            window.blocks[int(words[0], 16)] = int(words[1])
        elif kind == "p":
            window.ports[int(words[0], 16), int(words[1]), words[2]] = int(words[3])
        elif kind == "i":
            window.interrupts[int(words[0], 16)] = int(words[1])
        elif kind == "h":
            window.halts = int(words[0])
        elif kind == "end":
            yield window


def is_driver(ours, name, module):
    """Whether a function counts as the driver's."""
    if ours:
        return module in OUR_MODULES or not module and OUR_HELPERS.match(name) is not None
    return module in C_MODULES or not module and C_CORE.match(name) is not None


def figures(window, symbols, port, ours, units):
    """The figures of one window, per unit of work; and the instructions by function."""
    functions = Counter()
    for address, count in window.blocks.items():
        functions[symbols.at(address)] += count
    driver = {key: count for key, count in functions.items() if is_driver(ours, *key)}
    entries = symbols.entries()
    found = {
        "drv": sum(driver.values()),
        "kern": sum(functions.values()),
        "kicks": window.ports.get((port + QUEUE_NOTIFY, 2, "w"), 0),
        "interrupts": sum(count for to, count in window.interrupts.items() if to in entries),
        "isr": window.ports.get((port + ISR, 1, "r"), 0),
        "halts": window.halts,
    }
    profile = {("driver " if key in driver else "kernel ") + key[0]: count / units for key, count in functions.items()}
    return {name: count / units for name, count in found.items()}, profile
