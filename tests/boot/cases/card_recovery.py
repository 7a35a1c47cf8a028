# SPDX-License-Identifier: GPL-2.0
"""A card that stops working is reset and set up again while TCP runs over it; what cannot be is given up.

Each card of the emulator has a fault of its own: it breaks a queue of each kind, asks to be reset, or takes no more
packets. All that it was told before the fault - address, VLANs, modes, pairs of queues -
it is told again, and the bytes that TCP carries are right. One that breaks its queue each time is given up: the
interface is away and nothing hangs. One that loses an interrupt is not reset.

Rows: T23 N87 N90 H37
"""

from harness import devices, exercise
from harness.emulator import Emulator, events
from harness.peer import Peer
from harness.registers import DRIVER_OK, STATUS

TIMEOUT = 600
AMOUNT = 1 << 18
MAC = "52:54:00:77:00:99"
RESET = "it was reset and works again"
GIVEN_UP = "it is given up"
# Within a minute, before a device is given up.
MOST_RECOVERIES = 8

# Name: fault, with two pairs of queues: transmit queues 1 and 3, control queue 4.
CARDS = {
    "sends": ("used-id:queue=1:after=300:count=1", "has broken a queue"),
    "receives": ("used-index-jump:queue=0:after=60:count=1", "has broken a queue"),
    "control": ("used-id:queue=4:after=20:count=1", "has broken a queue"),
    "asks": ("needs-reset:queue=1:after=300:count=1", "asks to be reset"),
    "stuck": ("freeze:queue=1:after=300:count=1", "does not send"),
    "lost": ("interrupt-lost:queue=1:after=5:count=1", None),
    "worse": ("used-id:queue=1:after=300", GIVEN_UP),
}


def said(g, address):
    """What the driver has said about recoveries of a card."""
    return g.run(f"dmesg | grep '^[^a-z]*rvirtio_net {address}: the device'")[1].splitlines()


def strike(g, name, nic):
    """Has the fault come, whatever becomes of it."""
    if name == "control":
        # Each VLAN takes two commands.
        g.sh(f"for id in $(seq 20 35); do ip link add link {nic} name brief type vlan id $id; ip link del brief; done")
    elif name == "receives":
        # On one processor, whose transmit queue the card answers to by the receive queue of the same pair. A busy host loses some.
        for _ in range(5):
            g.run("taskset -c 0 ping -c 100 -i 0.01 -W 1 10.0.2.2", 90)
            if said(g, g.pci(name)):
                break
    else:
        # No more in flight than that, so that the queue is stopped before the sender has used up what it may send.
        g.sh(f"echo 30000 >/sys/class/net/{nic}/queues/tx-0/byte_queue_limits/limit_max")
        g.sh(f"head -c {1 << 20} /dev/zero | timeout 15 taskset -c 0 socat -u -b 1400 - UDP-SENDTO:10.0.2.2:9 || :", 90)


def run(t):
    """All cards in one boot, one after the other."""
    if not t.rust:
        return
    t.allow("NETDEV WATCHDOG: .*timed out", "a card that does not send is waited for")
    traces = {name: t.directory / f"{name}.trace" for name in CARDS}
    served = {name: ("net", "--queues", 2, "--fault", fault, "--trace", traces[name])
              for name, (fault, _) in CARDS.items()}
    with Peer() as peer, Emulator.several(t, served) as device:
        qemu = Emulator.memory()
        for name in CARDS:
            qemu += [*device.qemu(name), *device.user_net(name)]
        with t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu) as g:
            g.sh("modprobe 8021q")
            for name, (_, words) in CARDS.items():
                one(t, g, name, words, peer)
    for name, (_, words) in CARDS.items():
        if words not in (None, GIVEN_UP):
            told_again(t, traces[name])


def one(t, g, name, words, peer):
    """A card before, during and after its fault."""
    address = g.pci(name)
    nic = g.sh(f"nic_of {address}")
    g.sh(f"ip link set {nic} address {MAC}; user_net_up {nic}; ip link set {nic} promisc on; "
         f"ip link add link {nic} name tagged type vlan id 7 && ip link set tagged up; ping -c 1 -W 5 10.0.2.2")
    strike(g, name, nic)
    if words == GIVEN_UP:
        g.wait(f"dmesg | grep -q 'rvirtio_net {address}: .*{GIVEN_UP}'", 60, "the card is given up")
        t.check(g.run("ping -c 1 -W 1 10.0.2.2")[0] != 0, "a card that was given up answers")
        t.check(g.run(f"ip link set {nic} down; ip link set {nic} up")[0] != 0, "a card that was given up can be opened")
        t.check(len(said(g, address)) <= MOST_RECOVERIES + 1, f"recoveries of {name}: {said(g, address)}")
        g.sh(f"ip link del tagged; unbind {address}")
        return
    if words is not None:
        g.wait(f"dmesg | grep -q 'rvirtio_net {address}: .*{words}; {RESET}'", 60, f"the card {name} is reset")
    exercise.card(t, g, nic, peer, AMOUNT)
    t.equal(len(said(g, address)), int(words is not None), f"recoveries of {name}: {said(g, address)}")
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), ["2", "2"], "pairs of queues")
    g.sh(f"ip link del tagged; user_net_down {nic}")


def told_again(t, path):
    """After the reset that was no driver's first, the device hears what it has forgotten."""
    ready = [event["seq"] for event in events(path, "register")
             if event["write"] and event["offset"] == STATUS and int(event["data"], 16) & DRIVER_OK]
    t.check(len(ready) >= 2, f"the driver was ready {len(ready)} times")
    commands = [(event["class"], event["command"]) for event in events(path, "command") if event["seq"] > ready[1]]
    for what, command in {"pairs": (4, 0), "address": (1, 1), "addresses": (1, 0), "promiscuous": (0, 0), "VLAN": (2, 0)}.items():
        t.check(command in commands, f"not told again after the reset: {what}, only {commands}")
