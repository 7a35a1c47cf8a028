# SPDX-License-Identifier: GPL-2.0
"""What Linux builds on an interface works on ours: macvlan, bridge, bonding, VLAN, queueing disciplines; and `ip -s -s`.

Three cards of QEMU on a bridge of the host, in a network namespace made for it; that needs root. The third is in a network
namespace of the guest, and sends back what it gets there; each byte is known. One kind after the other is built on the
others and carries streams and datagrams over IPv4 and IPv6. The bond goes on when its first card loses its link, and when
that comes back; a VLAN is on the bond. With other disciplines everything that is sent is counted by them.

Rows: N16 N56 N57 N72 N79
"""

import os
import re

from harness import devices, programs
from harness.namespace import Namespace

TIMEOUT = 300
PORT = 5000
THERE = "10.9.0.1"
FAR = """
ip netns add far; ip link set {nic} netns far
ip netns exec far sh -c 'sysctl -qw net.ipv6.conf.default.accept_dad=0; ip link set lo up; ip link set {nic} up
    ip link add link {nic} name tagged type vlan id 5 && ip link set tagged up
    ip addr add 10.9.0.1/24 dev {nic}; ip addr add fd09::1/64 dev {nic} nodad
    ip addr add 10.9.5.1/24 dev tagged; ip addr add fd09:5::1/64 dev tagged nodad
    /rvtest/flows serve {port} >/dev/null 2>&1 & true'
"""


def carries(g, name, net=0):
    """An interface takes addresses, and carries streams and datagrams."""
    six = f"fd09:{net}::" if net else "fd09::"
    g.sh(f"sysctl -qw net.ipv6.conf.{name}.accept_dad=0; ip link set {name} up; ip addr add 10.9.{net}.2/24 dev {name}; "
         f"ip addr add {six}2/64 dev {name} nodad; for address in 10.9.{net}.1 {six}1; do ping -c 1 -W 10 $address && "
         f"/rvtest/flows streams $address {PORT} 2 128 0 && /rvtest/flows datagrams $address {PORT} 1 1400 5000 || exit 1; done", 60)


def bare(g, name):
    """It has no addresses any more."""
    g.sh(f"ip addr flush dev {name}")


def run(t):
    """One boot."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    folder = programs.overlay(t, "net/flows.c")
    with Namespace("10.9.0.254/24", taps=3) as space:
        qemu = []
        for number, name in enumerate(("first", "second", "third")):
            qemu += space.netdev(f"{name}-net", tap=number) + devices.net(name, f"{name}-net", mac=f"52:54:00:99:03:0{number}", romfile="")
        with t.boot(args=(*devices.BARE, "--overlay", folder), qemu=qemu, enter=space.enter) as g:
            first, second, third = (g.sh(f"nic_of {g.pci(name)}") for name in ("first", "second", "third"))
            g.sh("modprobe -a macvlan bridge bonding 8021q sch_netem")
            g.sh(FAR.format(nic=third, port=PORT))
            carries(g, first)
            disciplines(t, g, first)
            shown(t, g, first)
            bare(g, first)
            g.sh(f"ip link add link {first} name beside type macvlan mode bridge")
            carries(g, "beside")
            # What is for the bridge's own address comes only where the card lets in what is for anybody.
            g.sh(f"ip link del beside; ip link add bridge address 52:54:00:99:03:77 type bridge; ip link set {first} master bridge")
            carries(g, "bridge")
            t.check("promiscuity 1" in g.sh(f"ip -d link show {first}"), "a port of a bridge takes whatever comes")
            # As long as it was up; later the stack itself counts there what it had for an interface that has just gone down.
            t.equal(g.sh(f"cat /sys/class/net/{first}/statistics/tx_dropped"), "0", "packets of the first card that were dropped")
            g.sh(f"ip link del bridge; ip link set {first} down")
            bonded(t, g, first, second)
            for nic in (first, second):
                errors = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_errors tx_errors tx_fifo_errors").split()
                t.equal(errors, ["0"] * 3, f"errors of the card {nic}")


def disciplines(t, g, nic):
    """Queueing disciplines count what they hand over."""
    for kind in ("pfifo limit 200", "netem delay 1ms", "fq_codel"):
        g.sh(f"tc qdisc replace dev {nic} root {kind}; ping -c 1 -W 10 {THERE} && /rvtest/flows streams {THERE} {PORT} 2 128 0", 60)
        sent = re.search(r"Sent (\d+) bytes", g.sh(f"tc -s qdisc show dev {nic} root"))
        t.check(sent and int(sent[1]) >= 2 * (128 << 10), f"bytes that {kind} has handed over: {sent and sent[1]}")
    g.sh(f"tc qdisc del dev {nic} root")


def shown(t, g, nic):
    """`ip -s -s` shows the counters of sysfs, all of them."""
    text = g.sh(f"ip -s -s link show {nic}")
    names = ("rx_bytes rx_packets rx_errors rx_dropped rx_missed_errors multicast rx_length_errors rx_crc_errors rx_frame_errors "
             "rx_fifo_errors rx_over_errors tx_bytes tx_packets tx_errors tx_dropped tx_carrier_errors collisions tx_aborted_errors "
             "tx_fifo_errors tx_window_errors tx_heartbeat_errors")
    words = {int(word) for line in text.splitlines() if re.fullmatch(r"[\d ]+", line) for word in line.split()}
    values = {name: int(value) for name, value in zip(names.split(), g.sh(f"cd /sys/class/net/{nic}/statistics; cat {names}").split())}
    t.check(set(values.values()) <= words, f"ip -s -s shows {sorted(words)}, sysfs has {values}")
    t.check(values["rx_packets"] > 0 and values["tx_bytes"] > 128 << 10, f"what was counted: {values}")


def bonded(t, g, first, second):
    """Two cards as one, of which one works at a time."""
    g.sh(f"ip link add bond type bond mode active-backup miimon 100; ip link set {second} down; "
         f"for nic in {first} {second}; do ip link set $nic master bond; done")
    carries(g, "bond")
    active = "cat /sys/class/net/bond/bonding/active_slave"
    t.equal(g.sh(active), first, "the card that is active")
    g.qmp.command("set_link", name="first", up=False)
    g.wait(f"[ \"$({active})\" = {second} ]", 20, "the second card takes over")
    bare(g, "bond")
    carries(g, "bond")
    g.sh("ip link add link bond name bond.5 type vlan id 5")
    carries(g, "bond.5", 5)
    g.qmp.command("set_link", name="first", up=True)
    g.qmp.command("set_link", name="second", up=False)
    g.wait(f"[ \"$({active})\" = {first} ]", 20, "the first card takes over again")
    bare(g, "bond.5")
    carries(g, "bond.5", 5)
    g.qmp.command("set_link", name="second", up=True)
    g.sh("ip link del bond.5; ip link del bond")
