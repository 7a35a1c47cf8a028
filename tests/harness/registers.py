# SPDX-License-Identifier: GPL-2.0
"""A device's legacy registers, read from outside by QEMU's monitor, beside the guest's driver."""

import re

# Offset of the device status.
STATUS = 18
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, FAILED = 1, 2, 4, 8, 0x80

NOTIFY_ON_EMPTY, ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, BAD_FEATURE = 24, 27, 28, 29, 30
BLK = {"SIZE_MAX": 1, "SEG_MAX": 2, "GEOMETRY": 4, "RO": 5, "BLK_SIZE": 6, "FLUSH": 9, "TOPOLOGY": 10,
       "CONFIG_WCE": 11, "MQ": 12, "DISCARD": 13, "WRITE_ZEROES": 14, "SECURE_ERASE": 16}
NET = {"MTU": 3, "MAC": 5, "MRG_RXBUF": 15, "STATUS": 16, "CTRL_VQ": 17}


class Registers:
    """The BAR0 of the device with this QEMU id."""

    def __init__(self, guest, device):
        self._guest = guest
        self.port, self.length = self._bar0(device)

    def _bar0(self, device):
        """I/O port and length of BAR0."""
        buses = [bus["devices"] for bus in self._guest.qmp.command("query-pci")]
        while buses:
            for entry in buses.pop():
                if entry.get("pci_bridge"):
                    buses.append(entry["pci_bridge"].get("devices", []))
                if entry.get("qdev_id") == device:
                    bar = next(region for region in entry["regions"] if region["bar"] == 0)
                    return bar["address"], bar["size"]
        raise KeyError(device)

    def _read(self, offset, unit):
        """Reads a register of the width `unit` ("b", "h" or "w")."""
        text = self._guest.qmp.command(
            "human-monitor-command", command_line=f"i /1{unit}x {self.port + offset:#x}")
        return int(re.search(r"= (0x[0-9a-f]+)", text)[1], 16)

    def write(self, offset, unit, value):
        """Writes a register behind the driver's back."""
        size = {"b": 1, "h": 2, "w": 4}[unit]
        self._guest.qmp.command(
            "human-monitor-command", command_line=f"o /1{unit} {self.port + offset:#x} {value:#x}")
        return size

    @property
    def offered(self):
        """HOST_FEATURES."""
        return self._read(0, "w")

    @property
    def accepted(self):
        """GUEST_FEATURES."""
        return self._read(4, "w")

    @property
    def status(self):
        """STATUS."""
        return self._read(18, "b")

    def has(self, bit):
        """True when feature `bit` is in force."""
        return bool(self.accepted >> bit & 1)


def check_negotiation(t, registers, what):
    """What holds for the features of any legacy device in use (T19, T24-T26, T28)."""
    offered, accepted = registers.offered, registers.accepted
    t.equal(accepted & ~offered, 0, f"{what}: features accepted but never offered")
    for bit in (NOTIFY_ON_EMPTY, BAD_FEATURE, 31):
        t.check(not accepted >> bit & 1, f"{what}: feature bit {bit} was accepted")
    t.equal(registers.status, ACKNOWLEDGE | DRIVER | DRIVER_OK, f"{what}: STATUS")
