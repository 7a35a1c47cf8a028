# SPDX-License-Identifier: GPL-2.0
"""What our drivers show of a device in debugfs."""

import re

PLACE = "/sys/kernel/debug"


def folder(g, device):
    """The debugfs folder of the device with this QEMU id, whichever of our drivers it has."""
    address = g.pci(device)
    return f"{PLACE}/{g.sh(f'driver_of {address}')}-{address}"


def show(g, device):
    """Every file of the device: name to text."""
    text = g.sh(f"cd {folder(g, device)} && for file in *; do echo \"=== $file\"; cat $file || exit 1; done")
    parts = re.split(r"^=== (\S+)\n", text + "\n", flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def fields(text):
    """`name: value` lines, numbers as such."""
    pairs = [line.split(": ", 1) for line in text.splitlines()]
    return {pair[0]: int(pair[1]) if pair[1].isdigit() else pair[1] for pair in pairs if len(pair) == 2}


def indices(value):
    """`idx 3 flags 0 ...` as numbers by name."""
    words = value.split()
    return dict(zip(words[::2], map(int, words[1::2])))


def features(text):
    """Bits and names of each line of the file `features`."""
    found = {}
    for name, value in fields(text).items():
        bits, *names = value.split()
        found[name] = int(bits, 16), names
    return found
