# SPDX-License-Identifier: GPL-2.0
"""A flood of packets fills the transmit queue: it stops, wakes, and loses nothing.

pktgen sends as fast as it can: one by one, in bursts whose packets but the last say that more follow,
and in packets of several fragments. The wire must see every one of them, the driver must never answer
busy, each stop of the queue has its wake, and bursts are kicked together.

Rows: N44 N46 N48 T87 T95
"""

import re

from harness import devices
from harness.wire import Wire

TIMEOUT = 150
COUNT = 6144
KINDS = {
    "one by one": ["pkt_size 60", "burst 1"],
    "bursts": ["pkt_size 60", "burst 32"],
    "fragments": ["pkt_size 1400", "burst 1", "frags 5"],
}


def statistics(g, nic):
    """ethtool's counters by name; per-queue ones are added up."""
    total = {}
    for name, value in re.findall(r"^\s+(?:[rt]x(?:_queue)?_?\d+_)?(\S+): (\d+)$", g.sh(f"ethtool -S {nic}"), re.M):
        total[name] = total.get(name, 0) + int(value)
    return total


def run(t):
    """Three floods."""
    with Wire() as wire:
        qemu = wire.netdev("wire") + devices.net("nic", "wire")
        with t.boot(args=devices.BARE, qemu=qemu) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6; ip link set {nic} up; "
                 f"modprobe pktgen && echo add_device {nic} >/proc/net/pktgen/kpktgend_0")
            stops = 0
            for kind, settings in KINDS.items():
                before, sent = statistics(g, nic), wire.guest_frames
                commands = [f"count {COUNT}", "frags 0", "delay 0", "dst 10.9.0.1", "dst_mac 02:00:00:00:00:01", *settings]
                g.sh(f"for word in {' '.join(repr(c) for c in commands)}; do echo $word >/proc/net/pktgen/{nic} || exit 1; "
                     "done; echo start >/proc/net/pktgen/pgctrl", 60)
                result = g.sh(f"cat /proc/net/pktgen/{nic}")
                t.equal(re.findall(r"errors: (\d+)", result)[-1], "0", f"{kind}: times the driver was busy")
                wanted = int(re.search(r"pkts-sofar: (\d+)", result)[1])
                t.check(wanted >= COUNT, f"{kind}: pktgen sent {wanted}")
                g.sh("sleep 1")
                t.equal(wire.guest_frames - sent, wanted, f"{kind}: frames on the wire")
                after = statistics(g, nic)
                delta = {name: after[name] - before.get(name, 0) for name in after}
                stops += delta.get("stop", 0)
                t.equal(delta.get("stop"), delta.get("wake"), f"{kind}: stops of the queue, and wakes")
                if kind == "bursts" and t.rust:
                    t.check(delta["kicks"] < COUNT // 4, f"{kind}: {delta['kicks']} kicks for {COUNT} packets")
            if t.rust:
                t.check(stops > 0, "the queue was never full: the flood was too slow to show anything")
