# SPDX-License-Identifier: GPL-2.0
"""Frames of 9000 bytes with a VLAN's tag, to 200 groups: those come that somebody is in, and a card that filters brings no others.

A card with mergeable buffers and one with long ones, both with an MTU of 9000, and a VLAN on each. What is counted are the
frames that the card hands in. As long as the groups fit its table, frames to others, and frames of a VLAN that nobody has,
stay outside; when there are more groups than the table holds, frames to all groups come, and each of the 200 is heard; when
all are left, none comes any more.

Rows: N3 N18 N19 N34 N56 N58 N70
"""

import contextlib
import struct

from harness import devices, programs
from harness.case import Failure
from harness.wire import Wire

TIMEOUT = 400
PORT = 5000
# QEMU's table has 64 entries, and the stack is in some groups by itself.
FEW, MANY = 50, 200
LENGTH = 8900
# A group that nobody is in, and how often a card is looked at until it knows what it was told.
STRANGE, TRIES = 250, 20
VLAN, OTHER_VLAN = 7, 8
CARDS = {"merge": {}, "long": {"mrg_rxbuf": False, "host_mtu": 9000}}


class Card:
    """A card with a VLAN on it, and the end of its wire."""

    def __init__(self, g, name, wire):
        self.g, self.name, self.wire = g, name, wire
        self.nic = g.sh(f"nic_of {g.pci(name)}")
        self.tagged = f"{name}.{VLAN}"
        g.sh(f"ip link set {self.nic} mtu 9000 up; ip link add link {self.nic} name {self.tagged} type vlan id {VLAN}; "
             f"echo 1 >/proc/sys/net/ipv6/conf/{self.tagged}/disable_ipv6; ip link set {self.tagged} mtu 9000 up; "
             f"ip addr add 10.9.0.2/24 dev {self.tagged}")

    def join(self, count, filters):
        """Is in the first groups from now on; waits until the card knows, and `filters` or not."""
        self.g.sh(f"rm -f /tmp/heard; /rvtest/groups {self.tagged} {PORT} {count} >/tmp/heard 2>&1 & echo $! >/tmp/groups.pid; "
                  "until grep -qs . /tmp/heard; do sleep 0.05; done; grep -q ready /tmp/heard || { cat /tmp/heard; exit 1; }")
        for length in range(1, TRIES):
            before = self.handed_in()
            self.send([STRANGE], length=length)
            self.send([count - 1], length=length)
            if self.g.run(f"for _ in $(seq 20); do grep -qx '{count - 1} {length}' /tmp/heard && exit; sleep 0.1; done; false", 100)[0] == 0 \
                    and self.handed_in() == before + (1 if filters else 2):
                return
        raise Failure(f"{self.name}: a card for {count} groups does not {'filter' if filters else 'let all in'}")

    def leave(self):
        """Is in none any more."""
        self.g.sh("pid=$(cat /tmp/groups.pid); kill $pid; while [ -e /proc/$pid ]; do sleep 0.05; done")

    def heard(self):
        """The groups that something was heard of, with the lengths."""
        return sorted(tuple(map(int, line.split())) for line in self.g.sh(f"grep ' {LENGTH}$' /tmp/heard; true").splitlines())

    def handed_in(self):
        """How many frames the card has handed in."""
        return int(self.g.sh(f"cat /sys/class/net/{self.nic}/statistics/rx_packets"))

    def send(self, groups, vlan=VLAN, length=LENGTH):
        """A datagram to each of the groups."""
        for number in groups:
            address = bytes((239, 7, 0, number))
            frame = self.wire.udp(bytes((0x01, 0x00, 0x5E, 7, 0, number)), bytes(length), PORT, address)
            self.wire.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])

    def comes(self, t, count, wanted, what):
        """Of what was sent, in the end those groups are heard, and the card has handed in so many frames."""
        self.g.wait(f"[ $(grep -c ' {LENGTH}$' /tmp/heard) -ge {len(wanted)} ]", 20, f"{self.name}, {what}: datagrams to {len(wanted)} groups")
        t.equal(self.heard(), [(number, LENGTH) for number in wanted], f"{self.name}, {what}: groups that were heard")
        t.equal(self.handed_in(), count, f"{self.name}, {what}: frames that the card has handed in")


def run(t):
    """One boot."""
    with contextlib.ExitStack() as stack:
        wires = {name: stack.enter_context(Wire()) for name in CARDS}
        qemu = []
        for name, properties in CARDS.items():
            qemu += wires[name].netdev(f"{name}-net") + devices.net(name, f"{name}-net", romfile="", **properties)
        g = stack.enter_context(t.boot(args=(*devices.BARE, "--overlay", programs.overlay(t, "net/groups.c")), qemu=qemu))
        g.sh("modprobe 8021q; sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv4.igmp_max_memberships=1000")
        for name in CARDS:
            filtered(t, Card(g, name, wires[name]))


def filtered(t, card):
    """Few groups, many, and none."""
    few, many, all_groups = range(FEW), range(MANY), range(MANY + 20)
    card.join(FEW, True)
    before = card.handed_in()
    card.send(few, OTHER_VLAN)
    card.send(range(FEW, MANY))
    card.send(few)
    card.comes(t, before + FEW, few, f"{FEW} groups")
    card.leave()
    card.join(MANY, False)
    before = card.handed_in()
    card.send(many, OTHER_VLAN)
    card.send(range(MANY, MANY + 20))
    card.send(many)
    card.comes(t, before + MANY + 20, many, f"{MANY} groups")
    card.leave()
    card.join(1, True)
    before = card.handed_in()
    card.send(reversed(all_groups))
    card.comes(t, before + 1, range(1), "one group again")
    card.leave()
    errors = card.g.sh(f"cd /sys/class/net/{card.nic}/statistics; cat rx_errors rx_dropped tx_errors tx_dropped").split()
    t.equal(errors, ["0"] * 4, f"{card.name}: errors of the card")
