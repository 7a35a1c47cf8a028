# SPDX-License-Identifier: GPL-2.0
"""Programs of XDP on a guest's cards, and the test frames that they act upon."""

import base64
import struct
import time

from . import programs
from .wire import OUR_MAC, checksum

KIND = b"\x88\xb5"
COUNTERS = ("xdp_packets", "xdp_tx", "xdp_redirects", "xdp_drops")


def install(t, g, target):
    """Brings the programs into a guest; they redirect to the interface with the index `target`."""
    path = t.directory / "xdp.o"
    programs.build(t, path, "bpf/xdp.c", "clang", "-target", "bpf", f"-DTARGET={target}", "-I/usr/include/x86_64-linux-gnu", "-c")
    text = base64.b64encode(path.read_bytes()).decode()
    g.sh(f"echo {text} | base64 -d >/tmp/xdp.o")


def load(g, nic, name):
    """Loads a program in place of the one before."""
    g.sh(f"ip -force link set dev {nic} xdpdrv object /tmp/xdp.o program {name}")


def refused(t, g, nic, name, words):
    """A program is not loaded, and the user is told why."""
    status, output = g.run(f"ip link set dev {nic} xdpdrv object /tmp/xdp.o program {name} 2>&1")
    t.check(status != 0 and words in output, f"a program on {nic} was not refused with {words!r}: {status}, {output[-300:]}")


def unload(g, nic):
    """Takes the program away."""
    g.sh(f"ip link set dev {nic} xdpdrv off")


def counts(g, nic, way="rx", names=COUNTERS):
    """Counters over all queues of a card."""
    text = g.sh(f"ethtool -S {nic}")
    found = dict(line.strip().split(": ") for line in text.splitlines() if ": " in line)
    if f"{way}_{names[0]}" in found:
        return [int(found[f"{way}_{name}"]) for name in names]
    return [sum(int(value) for key, value in found.items() if key.startswith(f"{way}_queue_") and key.endswith(f"_{name}"))
            for name in names]


def test_frame(mac, length, number):
    """A test frame to a card, different for each number."""
    payload = struct.pack("!I", number) * (length // 4 + 1)
    return (mac + OUR_MAC + KIND + payload)[:length]


def packed(mac, address):
    """A test frame with a ping for `address` in it, behind 10 bytes."""
    message = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + bytes(range(40))
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0, bytes((10, 9, 0, 1)), bytes(address))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return mac + OUR_MAC + KIND + bytes(10) + header + message


def arrived(wire, count, seconds=10):
    """The next `count` test frames that come by the wire, as many as do."""
    frames, end = [], time.monotonic() + seconds
    while len(frames) < count and time.monotonic() < end:
        if wire.frames.empty():
            time.sleep(0.01)
            continue
        frame = wire.frames.get()
        if frame[12:14] == KIND:
            frames.append(frame)
    return frames


def same(t, got, wanted, what):
    """The frames are those, in that order."""
    differ = [(len(one), len(two)) for one, two in zip(got, wanted) if one != two]
    t.check(got == wanted, f"{what}: {len(got)} of {len(wanted)} have arrived; lengths of those that differ: {differ[:5]}")


def swapped(frame):
    """The frame as the card sends it back."""
    return frame[6:12] + frame[:6] + frame[12:]


class Card:
    """A card of the guest and the end of its wire."""

    def __init__(self, g, name, wire):
        self.g, self.name, self.wire = g, name, wire
        self.nic = g.sh(f"nic_of {g.pci(name)}")
        self.mac = bytes.fromhex(g.sh(f"cat /sys/class/net/{self.nic}/address").replace(":", ""))
        self._number = 0

    def load(self, program):
        """Loads a program in place of the one before."""
        load(self.g, self.nic, program)

    def counts(self, way="rx", names=COUNTERS):
        """Its counters."""
        return counts(self.g, self.nic, way, names)

    def send(self, lengths):
        """Sends test frames to it; gives them."""
        frames = []
        for length in lengths:
            self._number += 1
            frames.append(test_frame(self.mac, length, self._number))
            self.wire.send(frames[-1])
        return frames

    def ping(self):
        """The stack gets what comes by the wire, and sends."""
        self.g.sh(f"ip addr flush dev {self.nic}; ip addr add 10.9.0.2/24 dev {self.nic}; ping -c 2 -i 0.1 -W 5 -I {self.nic} 10.9.0.1; "
                  f"status=$?; ip addr flush dev {self.nic}; exit $status")
