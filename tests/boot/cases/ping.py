# SPDX-License-Identifier: GPL-2.0
"""Pings of every kind of size come back whole, with mergeable and with small receive buffers.

Six cards, each on a wire whose other end is the runner: it checks the checksum of each request, and
ping checks the data of each reply. Sizes run from the smallest frame to the MTU: 1500, 9000 as the
device advises, and 65535 with mergeable buffers, where a frame spans many of them; one frame is longer than any
packet and needs more buffers than a packet has fragments. The strict cards do not offer ANY_LAYOUT, so that
headers need a descriptor of their own.

Rows: N3 N15 N27 N32 N34 N35 N37 N47 N70 T27
"""

import hashlib
import os
from contextlib import ExitStack

from harness import devices
from harness.registers import ANY_LAYOUT, NET, Registers
from harness.wire import OUR_MAC, Wire

# An Ethernet type for experiments, and a frame's length.
EXPERIMENT, GIANT = bytes.fromhex("88b5"), 69632

CARDS = {
    "mergeable": (1500, {}),
    "small": (1500, {"mrg_rxbuf": False}),
    "smallstrict": (1500, {"mrg_rxbuf": False, "any_layout": False}),
    "mergestrict": (1500, {"any_layout": False}),
    "advised": (9000, {"host_mtu": 9000}),
    "huge": (65535, {}),
}


def ping(t, g, wire, name, mtu, features):
    """All sizes through one card."""
    registers = Registers(g, name)
    t.equal(registers.has(NET["MRG_RXBUF"]), features.get("mrg_rxbuf", True), f"{name}: MRG_RXBUF in force")
    t.equal(registers.has(ANY_LAYOUT), features.get("any_layout", True), f"{name}: ANY_LAYOUT in force")
    nic = g.sh(f"nic_of {g.pci(name)}")
    if "host_mtu" in features:
        t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu"), str(mtu), f"{name}: the MTU the device advises")
        t.check(g.run(f"ip link set {nic} mtu {mtu + 1}")[0] != 0, f"{name}: an MTU of {mtu + 1} was accepted")
    for bad in (67, 65536):
        t.check(g.run(f"ip link set {nic} mtu {bad}")[0] != 0, f"{name}: an MTU of {bad} was accepted")
    g.sh(f"ip link set {nic} mtu 68 && ip link set {nic} mtu {mtu} && ip link set {nic} up && "
         f"ip addr add 10.9.0.2/24 dev {nic}")
    sizes = [0, 1, 18, 63, 64, 65, 200, 1000, 1471, 1472]
    if mtu > 1500:
        sizes += [1473, 2000, 4053, 4054, 4055, 8000, mtu - 29, mtu - 28]
    lost = g.sh(f"for size in {' '.join(map(str, sizes))}; do "
                "ping -c 2 -i 0.02 -W 5 -s $size 10.9.0.1 >/tmp/ping 2>&1 || echo $size; "
                "grep -q 'wrong data' /tmp/ping && echo $size; done; true", 60)
    t.equal(lost, "", f"{name}: sizes of pings that did not come back whole")
    t.check(not wire.bad, f"{name}: the wire saw {wire.bad[:1]}")
    for size in sizes:
        t.equal(wire.echoes.count(size), 2, f"{name}: pings of {size} bytes that went out in one frame")
    if registers.has(NET["MRG_RXBUF"]):
        buffers(t, g, nic, name, mtu)
    g.sh(f"ip link set {nic} down && ip addr flush dev {nic}")


def buffers(t, g, nic, name, mtu):
    """Buffers have grown where packets are long, and get smaller when those are short."""
    def size():
        return int(g.sh(f"cat /sys/class/net/{nic}/queues/rx-0/virtio_net/mergeable_rx_buffer_size"))

    def after(length):
        g.sh(f"ping -q -c 300 -i 0.002 -W 5 -s {length} 10.9.0.1", 60)
        return size()

    grown, small = after(min(mtu - 28, 3900)), after(18)
    t.check(64 <= small <= grown <= 4096 and (mtu <= 1500 or small < grown), f"{name}: buffers of {grown} bytes, and {small} later")


def giant(t, g, wire, name):
    """A frame of as many bytes as QEMU's stream takes, 18 pages with its header, arrives whole."""
    frame = b"\xff" * 6 + OUR_MAC + EXPERIMENT + os.urandom(GIANT - 14)
    nic = g.sh(f"nic_of {g.pci(name)}")
    g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6; ip link set {nic} up; "
         f"socat -u -b 131072 INTERFACE:{nic} CREATE:/tmp/giant >/dev/null 2>&1 &")
    g.wait("[ $(wc -l </proc/net/packet) = 2 ]", 10, "a listener for all frames")
    wire.send(frame)
    g.wait(f"[ $(wc -c </tmp/giant) -ge {GIANT} ]", 10, "the frame")
    t.equal(g.sh("sha256sum </tmp/giant").split()[0], hashlib.sha256(frame).hexdigest(), f"{name}: checksum of a long frame")
    t.equal(g.sh(f"cat /sys/class/net/{nic}/statistics/rx_length_errors"), "0", f"{name}: frames with a bad length")


def run(t):
    """Card after card."""
    with ExitStack() as stack:
        wires, qemu = {}, []
        for name, (_, features) in CARDS.items():
            wires[name] = stack.enter_context(Wire())
            qemu += wires[name].netdev(f"{name}-wire") + devices.net(name, f"{name}-wire", **features)
        g = stack.enter_context(t.boot(args=devices.BARE, qemu=qemu))
        for name, (mtu, features) in CARDS.items():
            ping(t, g, wires[name], name, mtu, features)
        giant(t, g, wires["huge"], "huge")
