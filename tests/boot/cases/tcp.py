# SPDX-License-Identifier: GPL-2.0
"""64 MiB each way over TCP arrive whole, and the counters of the card count them.

Rows: N28 N29 N37 N40 N79
"""

from harness import devices
from harness.peer import Peer

TIMEOUT = 240
AMOUNT = 64 << 20


def run(t):
    """One card on QEMU's user network."""
    with Peer() as peer, t.boot(args=(*devices.BARE, "--memory", "1G"), qemu=devices.user_net("nic")) as g:
        nic = g.sh(f"nic_of {g.pci('nic')}")
        g.sh(f"user_net_up {nic}")
        counters = f"cd /sys/class/net/{nic}/statistics; cat rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped"
        before = [int(value) for value in g.sh(counters).split()]
        given = g.sh(f"tcp_get {peer.port} {AMOUNT}", 100)
        t.equal(given, peer.sent[-1], "checksum of what the guest received")
        g.sh(f"head -c {AMOUNT} /dev/urandom >/tmp/out", 30)
        answer = g.sh(f"tcp_put {peer.port} {AMOUNT} /tmp/out; sha256sum </tmp/out", 100).split()
        t.equal(answer[0], answer[1], "checksum of what the guest sent")
        after = [int(value) for value in g.sh(counters).split()]
        t.check(after[0] - before[0] >= AMOUNT, f"rx_bytes counted {after[0] - before[0]}")
        t.check(after[1] - before[1] >= AMOUNT, f"tx_bytes counted {after[1] - before[1]}")
        t.equal(after[2:], before[2:], "errors and drops")
