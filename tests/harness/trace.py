# SPDX-License-Identifier: GPL-2.0
"""QEMU's trace of a guest's accesses to a device: the legacy registers in BAR0 and PCI configuration."""

import re
from dataclasses import dataclass

EVENTS = ("memory_region_ops_read", "memory_region_ops_write", "pci_cfg_write")

_REGION = re.compile(
    r"memory_region_ops_(read|write) cpu \d+ mr \S+ addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+) name 'virtio-pci'")
_CONFIG = re.compile(r"pci_cfg_write \S+ (\S+) @0x([0-9a-f]+) <- 0x([0-9a-f]+)")

# Offset, width and name of each register of the legacy header.
HEADER = {
    0: (4, "HOST_FEATURES"),
    4: (4, "GUEST_FEATURES"),
    8: (4, "QUEUE_PFN"),
    12: (2, "QUEUE_NUM"),
    14: (2, "QUEUE_SEL"),
    16: (2, "QUEUE_NOTIFY"),
    18: (1, "STATUS"),
    19: (1, "ISR"),
    20: (2, "CONFIG_VECTOR"),
    22: (2, "QUEUE_VECTOR"),
}
WIDTH = {name: width for width, name in HEADER.values()}

# Where QEMU's transitional devices have the control word of their MSI-X capability, and its enable bit.
MSIX_CONTROL, MSIX_ENABLE = 0x42, 0x8000
PCI_COMMAND, PCI_COMMAND_IO, PCI_COMMAND_MASTER = 4, 1, 4


@dataclass(frozen=True)
class Access:
    """One access of the guest to a register, to `CONFIG` at `offset`, or a write to `PCI` configuration."""

    write: bool
    register: str
    value: int
    size: int
    offset: int = 0

    def __str__(self):
        place = f"{self.register}+{self.offset}" if self.offset else self.register
        return f"{place} {'<-' if self.write else '->'} {self.value:#x} ({self.size} bytes)"


def _name(offset, msix):
    """Register and offset within it of an offset in BAR0."""
    header = 24 if msix else 20
    if offset >= header:
        return "CONFIG", offset - header
    if offset in HEADER:
        return HEADER[offset][1], 0
    return "HEADER", offset


def accesses(path, registers, address):
    """The guest's accesses, in order, to a device: its `Registers` and its PCI address in the guest."""
    slot = address.split(":", 1)[1]
    msix = False
    result = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _CONFIG.search(line)
            if found and found[1] == slot:
                offset, value = int(found[2], 16), int(found[3], 16)
                if offset == MSIX_CONTROL:
                    msix = bool(value & MSIX_ENABLE)
                result.append(Access(True, "PCI", value, 0, offset))
                continue
            found = _REGION.search(line)
            if found is None:
                continue
            offset = int(found[2], 16) - registers.port
            if 0 <= offset < registers.length:
                register, within = _name(offset, msix)
                result.append(Access(found[1] == "write", register, int(found[3], 16), int(found[4]), within))
    return result
