# SPDX-License-Identifier: GPL-2.0
"""64 flows on four pairs of queues and four CPUs, for as long as one likes: every byte comes back, nothing stalls, no memory is lost.

QEMU's card on a tap interface with four queues, in a network namespace made for it; that needs root. The host sends back
what it gets. First the interface gets other MTUs, goes down and up, gets other numbers of pairs, and a processor goes and comes back,
again and again while streams run: all go on. Beside the streams there are datagrams then, whole and in fragments. The
bytes of each flow are known. Every queue has its share both ways. `RVIRTIO_LONG` in the environment, as `make test-long` has it, makes it ten minutes.

Rows: N22 N39 N40 N61 N70 N79 N88
"""

import os
import re

from harness import devices, leaks, programs
from harness.namespace import Namespace

LONG = bool(os.environ.get("RVIRTIO_LONG"))
# Of the guest's time; at first to fill the caches of its kernel.
WARM_UP, SECONDS = 4, 600 if LONG else 10
TIMEOUT = 4 * SECONDS + 400
CPUS, FLOWS = 4, 64
# While something is changed.
FEW, CHANGE_SECONDS = 16, 8
HOST, PORT = "10.9.0.1", 5000
# What the processors' caches of free memory differ by from one time to the next is below that; the packets are many MB.
LIMIT_KB = 2048
LENGTHS = "1 1400 1473 9000 40000"

# Until it is told to stop; every flow is there before it begins.
CHANGES = """
until [ $(ss -Htn state established | wc -l) -ge {flows} ]; do sleep 0.1; done
while [ ! -e /tmp/stop ]; do
    for mtu in 1000 1400 1500; do ip link set {nic} mtu $mtu || exit 1; sleep 0.2; done
    ip link set {nic} down && sleep 0.1 && ip link set {nic} up || exit 1
    sleep 0.5
    for pairs in 1 3 4; do ethtool -L {nic} combined $pairs || exit 1; sleep 0.1; done
    for online in 0 1; do echo $online >/sys/devices/system/cpu/cpu2/online || exit 1; done
    echo turn >>/tmp/turns
done
"""
CHANGED = """
rm -f /tmp/stop; : >/tmp/turns
({changes}) >/tmp/changes 2>&1 & changes=$!
/rvtest/flows streams {host} {port} {flows} 0 {seconds}; status=$?
touch /tmp/stop
wait $changes || {{ cat /tmp/changes; exit 1; }}
wc -l </tmp/turns
exit $status
"""
FLOOD = """
rm -f /tmp/stop
(while [ ! -e /tmp/stop ]; do /rvtest/flows datagrams {host} {port} {lengths} || exit 1; done) >/tmp/datagrams 2>&1 & other=$!
/rvtest/flows streams {host} {port} {flows} 0 {seconds}; status=$?
touch /tmp/stop
wait $other || {{ tail -n 3 /tmp/datagrams; exit 1; }}
exit $status
"""


def flood(g, seconds):
    """All flows for so long; what was said of them."""
    return g.sh(FLOOD.format(host=HOST, port=PORT, lengths=LENGTHS, flows=FLOWS, seconds=seconds), 3 * seconds + 200)


def changed(t, g, nic):
    """What is changed while streams run does not end or hold up one of them."""
    changes = CHANGES.format(nic=nic, flows=FEW)
    turns = g.sh(CHANGED.format(changes=changes, host=HOST, port=PORT, flows=FEW, seconds=CHANGE_SECONDS), 300).split()[-1]
    t.check(int(turns) > 0, f"turns of changes: {turns}")
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), [str(CPUS)] * 2, "pairs after the changes")


def packets(g, nic, way):
    """What each queue has carried."""
    return [int(line) for line in g.sh(f"ethtool -S {nic} | sed -n 's/^ *{way}[0-9][0-9]*_packets: //p'").split()]


def run(t):
    """One boot."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    folder = programs.overlay(t, "net/flows.c")
    with Namespace(f"{HOST}/24", several=True) as space, programs.served(t, folder, space.enter, PORT):
        qemu = space.netdev("wire", CPUS) + devices.net("nic", "wire", mq=True, vectors=2 * CPUS + 2)
        words = (*devices.BARE, "--smp", CPUS, "--memory", "1G", "--overlay", folder)
        with t.boot(args=words, qemu=qemu, enter=space.enter) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            g.sh(f"ip link set {nic} up; ip addr add 10.9.0.2/24 dev {nic}; ping -c 1 -W 5 {HOST}")
            changed(t, g, nic)
            flood(g, WARM_UP)
            errors = f"cd /sys/class/net/{nic}/statistics; cat rx_errors rx_dropped tx_errors tx_fifo_errors tx_dropped"
            # An interface that goes down drops what is on its way to it.
            at_first = g.sh(errors).split()
            t.equal(at_first[:4], ["0"] * 4, "errors and drops of the card under changes")
            before = {way: packets(g, nic, way) for way in ("rx", "tx")}

            def soak():
                said = flood(g, SECONDS)
                counts = re.search(r"(\d+) flows, (\d+) bytes, (\d+) at least", said)
                t.check(counts and int(counts[1]) == FLOWS and int(counts[3]) > 0, f"flows that have moved: {said}")

            leaks.check(t, g, soak, 1000, f"{SECONDS} seconds of {FLOWS} flows", 0, LIMIT_KB)
            if t.rust:
                for way, counts in before.items():
                    carried = [now - then for now, then in zip(packets(g, nic, way), counts)]
                    t.check(min(carried) > FLOWS, f"{way}: packets of each queue: {carried}")
            t.equal(g.sh(errors).split(), at_first, "errors and drops of the card")
