# SPDX-License-Identifier: GPL-2.0
"""A card is stopped while it works, and goes on: the system sleeps, the function is reset, the system ends.

TCP goes on over a sleep, and over resets of the function of a card behind a PCI Express port, and every byte is right. All
that the first card was told before - address, VLANs, modes, pairs of queues - it is told again after the sleep, and the
interface has the MTU and the number of pairs that it had. When the system ends, the last thing that the card is told is to
reset.

Rows: N89 N90 T100 T104 H35
"""

from harness import devices, exercise, power
from harness.emulator import Emulator, events
from harness.peer import Peer
from harness.registers import DRIVER_OK, STATUS

TIMEOUT = 400
AMOUNT = 1 << 20
RESETS = 10
MAC = "52:54:00:77:00:98"

# Transfers one after the other until they are to stop, each with its checksum.
LOAD = """
rm -f /tmp/stop /tmp/ended /tmp/sums
(while [ ! -e /tmp/stop ]; do tcp_get {port} {amount} >>/tmp/sums; done; touch /tmp/ended) &
"""
# What the card is told by commands.
COMMANDS = {"pairs": (4, 0), "address": (1, 1), "addresses": (1, 0), "promiscuous": (0, 0), "VLAN": (2, 0)}


def begin(g, peer):
    """Starts the transfers; gives how many the peer has served before."""
    before = len(peer.sent)
    g.sh(LOAD.format(port=peer.port, amount=AMOUNT))
    g.wait("[ -s /tmp/sums ]", 60, "the first transfer has ended")
    return before


def end(t, g, peer, before, what):
    """Ends them; each has brought what was sent, in `what` too."""
    lines = int(g.sh("wc -l </tmp/sums"))
    g.wait(f"[ $(wc -l </tmp/sums) -gt {lines + 1} ]", 120, f"transfers go on after {what}")
    g.sh("touch /tmp/stop")
    g.wait("[ -e /tmp/ended ]", 120, "the transfers have ended")
    t.equal(g.sh("cat /tmp/sums").split(), peer.sent[before:], f"checksums of what was received, with {what}")


def asleep(t, g, peer):
    """A card that was told much before the system sleeps."""
    nic = g.sh(f"nic_of {g.pci('nic')}")
    g.sh(f"modprobe 8021q; ip link set {nic} address {MAC} mtu 1400; ethtool -L {nic} combined 2; user_net_up {nic}; "
         f"ip link set {nic} promisc on; ip link add link {nic} name tagged type vlan id 7 && ip link set tagged up; "
         "ping -c 1 -W 5 10.0.2.2")
    before = begin(g, peer)
    power.sleep(t, g)
    end(t, g, peer, before, "the sleep")
    exercise.card(t, g, nic, peer, AMOUNT)
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), ["2", "2"], "pairs of queues")
    t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu /sys/class/net/{nic}/address /sys/class/net/{nic}/carrier").split(),
            ["1400", MAC, "1"], "MTU, address and link")
    g.sh(f"ip link del tagged; user_net_down {nic}")


def reset(t, g, peer):
    """A card whose function is reset again and again."""
    address = g.pci("express")
    nic = g.sh(f"nic_of {address}")
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2")
    before = begin(g, peer)
    g.sh(f"for _ in $(seq {RESETS}); do echo 1 > /sys/bus/pci/devices/{address}/reset || exit 1; sleep 0.2; done", 90)
    end(t, g, peer, before, "the resets")
    t.equal(g.run("dmesg | grep 'given [u]p\\|reset and [w]orks'")[1], "", "what was said of a card that did not work")
    # A closed one stays closed, and can be opened.
    g.sh(f"user_net_down {nic}; echo 1 > /sys/bus/pci/devices/{address}/reset")
    exercise.card(t, g, nic, peer, AMOUNT)


def run(t):
    """A machine with a PCI Express port."""
    trace = t.directory / "nic.trace"
    with Peer() as peer, Emulator.several(t, {"nic": ("net", "--queues", 2, "--trace", trace)}) as device:
        qemu = [*Emulator.memory(), *device.qemu("nic"), *device.user_net("nic")]
        qemu += ["-device", "pcie-root-port,id=rport,bus=pcie.0,chassis=1,slot=1,addr=5"]
        qemu += devices.user_net("express", bus="rport", disable__legacy=False)
        with t.boot(args=[*devices.BARE, "--machine", "q35", "--smp", "2"], qemu=qemu, driver="rust") as g:
            asleep(t, g, peer)
            reset(t, g, peer)
    told(t, trace)


def told(t, path):
    """After the sleep the device hears what it has forgotten; at the end it is reset."""
    statuses = [(event["seq"], int(event["data"], 16)) for event in events(path, "register")
                if event["write"] and event["offset"] == STATUS]
    ready = [seq for seq, status in statuses if status & DRIVER_OK]
    t.equal(len(ready), 2, "times that the driver was ready")
    commands = [(event["class"], event["command"]) for event in events(path, "command") if event["seq"] > ready[1]]
    for what, command in COMMANDS.items():
        t.check(command in commands, f"not told again after the sleep: {what}, only {commands}")
    t.equal(statuses[-1][1], 0, "the status that the driver wrote last")
