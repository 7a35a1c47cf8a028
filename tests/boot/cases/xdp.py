# SPDX-License-Identifier: GPL-2.0
"""Programs of XDP pass, drop, send back and redirect packets, on cards with all kinds of receive buffers.

QEMU's cards on wires whose ends are ours: mergeable buffers, whole ones with any layout and without, and long ones. Every
frame that a program sends is compared with what went in, as short and as long as they may be, spread over fragments, with
a start and an end moved by the program. What a program asks for is counted under Linux's names. A program is loaded,
replaced and taken away while TCP runs; what cannot be is refused with Linux's words. A socket of AF_XDP gets packets.

Rows: N54 N77 N80 N82 N83 N84
"""

import contextlib
import os

from harness import devices, programs, xdp
from harness.namespace import Namespace
from harness.peer import Peer
from harness.wire import Wire

TIMEOUT = 500
HOST = "10.0.2.2"
AMOUNT = 4 << 20
CPUS = 2
LENGTHS = (60, 61, 300, 1000, 1514)
# Of an interface with an MTU of 9000, whose frames take several buffers.
LONG = (3000, 3521, 5000, 9014)
CARDS = {
    "merge": {},
    "small": {"mrg_rxbuf": False},
    "split": {"mrg_rxbuf": False, "any_layout": False},
    "long": {"mrg_rxbuf": False, "host_mtu": 9000},
    "target": {},
    "strict": {"any_layout": False},
}
CHANGES = """
while [ -e /tmp/running ]; do
    for program in pass drop_spread echo; do ip -force link set dev {nic} xdpdrv object /tmp/xdp.o program $program || exit 1; done
    ip link set dev {nic} xdpdrv off || exit 1
done
"""


def run(t):
    """One boot."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    t.allow("XDP return value 77", "a program answers with nonsense")
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(Namespace(f"{HOST}/24", several=True))
        peer = stack.enter_context(Peer(space.server(HOST)))
        wires = {name: stack.enter_context(Wire(space.server("127.0.0.1"))) for name in CARDS}
        qemu = space.netdev("tap", 2 * CPUS) + devices.net("nic", "tap", mq=True, vectors=4 * CPUS + 2)
        qemu += ["-netdev", "tap,id=tap1,ifname=tap1,script=no,downscript=no,vhost=off"]
        qemu += devices.net("incomplete", "tap1", ctrl_guest_offloads=False)
        for name, properties in CARDS.items():
            qemu += wires[name].netdev(f"{name}-net") + devices.net(name, f"{name}-net", romfile="", **properties)
        words = (*devices.BARE, "--smp", CPUS, "--overlay", programs.overlay(t, "bpf/af_xdp.c"))
        g = stack.enter_context(t.boot(args=words, qemu=qemu, enter=space.enter))
        in_guest(t, g, {name: xdp.Card(g, name, wires[name]) for name in CARDS}, peer)


def in_guest(t, g, cards, peer):
    """Everything, one card after the other."""
    target = cards["target"]
    xdp.install(t, g, g.sh(f"cat /sys/class/net/{target.nic}/ifindex"))
    for card in cards.values():
        g.sh(f"ip link set {card.nic} up")
    refusals(t, g, cards)
    # Linux's driver marks what it sends in the lowest bits of pointers, and does not find frames again that are behind a
    # header of 10 bytes.
    whole = ("small", "split") if t.rust else ()
    for name in ("merge", *whole):
        verdicts(t, cards[name], target)
        socket(t, cards[name])
    spread(t, g, cards["merge"], target)
    if t.rust:
        # Linux's driver takes a program for such a card, and never runs it.
        spread(t, g, cards["long"], target)
    under_load(t, g, cards["merge"], peer)
    # Drivers go while programs are loaded.
    for card in (cards["merge"], cards["split"]):
        card.load("pass")
    g.sh(f"rmmod {'rvirtio_net' if t.rust else 'virtio_net'}", 60)


def refusals(t, g, cards):
    """What cannot be is refused, and why is said in Linux's words."""
    xdp.refused(t, g, cards["strict"].nic, "pass", "XDP expects header/data in single page, any_header_sg required")
    incomplete = g.sh(f"nic_of {g.pci('incomplete')}")
    xdp.refused(t, g, incomplete, "pass", "Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first")
    nic = cards["merge"].nic
    g.sh(f"ip link set {nic} mtu 3507")
    xdp.refused(t, g, nic, "pass", "MTU too large to enable XDP without frags")
    cards["merge"].load("pass_spread")
    g.sh(f"ip link set dev {nic} xdpdrv off; ip link set {nic} mtu 3506")
    cards["merge"].load("pass")
    g.sh(f"ip link set dev {nic} xdpdrv off; ip link set {nic} mtu 1500; [ -z \"$(ip link show {nic} | grep xdp)\" ]")


def counted(t, card, program, lengths, wanted, what):
    """A program is loaded and sees test frames; by how much each counter grows. Gives the frames."""
    card.load(program)
    before = card.counts()
    frames = card.send(lengths)
    # Frames of other kinds may come, and are passed.
    grown = []
    for _ in range(100):
        grown = [now - then for now, then in zip(card.counts(), before)]
        if grown[1:] == wanted[1:] and grown[0] >= wanted[0]:
            return frames
        card.g.sh("sleep 0.1")
    t.equal(grown, wanted, f"{card.name}, {what}: growth of {', '.join(xdp.COUNTERS)}")
    return frames


def verdicts(t, card, target):
    """Everything that a program can say of a packet in one buffer."""
    g, count = card.g, len(LENGTHS)
    # Straight after the first program is loaded packets are still in buffers that were made before.
    frames = counted(t, card, "echo", LENGTHS, [count, count, 0, 0], "sent back")
    xdp.same(t, xdp.arrived(card.wire, count), [xdp.swapped(frame) for frame in frames], f"{card.name}: frames sent back at first")
    t.check("prog/xdp id" in g.sh(f"ip -d link show {card.nic}"), f"{card.name}: the program is not shown")
    for _ in range(8):
        # Until every buffer of the ring is one with room around the packet.
        frames = card.send([1514] * 40 + list(LENGTHS))
        got = xdp.arrived(card.wire, len(frames))
        xdp.same(t, got, [xdp.swapped(frame) for frame in frames], f"{card.name}: frames sent back")
    card.ping()
    for program in ("drop", "give_up", "nonsense"):
        counted(t, card, program, LENGTHS, [count, 0, 0, count], program)
    t.check("XDP return value 77" in g.sh("dmesg"), "the log does not tell of a program's nonsense")
    frames = counted(t, card, "stretch", LENGTHS, [count, count, 0, 0], "stretched")
    for got, sent in zip(xdp.arrived(card.wire, count), frames, strict=True):
        t.check(got[:14] == xdp.swapped(sent)[:14] and len(got) == len(sent) + 180 and got[200 + 14:] == sent[14:-20],
                f"{card.name}: a frame of {len(sent)} bytes was stretched to {got.hex()}")
    frames = counted(t, card, "grow", LENGTHS, [count, count, 0, 0], "grown")
    wanted = [xdp.swapped(frame) + bytes(100) for frame in frames]
    xdp.same(t, xdp.arrived(card.wire, count), wanted, f"{card.name}: frames that grew")
    unpacked(t, card)
    redirected(t, card, target)
    xdp.unload(g, card.nic)
    t.check("xdp" not in g.sh(f"ip link show {card.nic}"), f"{card.name}: the program is still shown")
    before = card.counts()
    card.ping()
    t.equal(card.counts(), before, f"{card.name}: counters without a program")


def unpacked(t, card):
    """A program takes something off a packet's start, and the stack answers to what is left."""
    g = card.g
    card.load("unpack")
    g.sh(f"ip addr add 10.9.0.2/24 dev {card.nic}; ping -c 1 -W 5 -I {card.nic} 10.9.0.1")
    received = g.sh("awk '/^Icmp:/ { v = $10 } END { print v }' /proc/net/snmp")
    for _ in range(3):
        card.wire.send(xdp.packed(card.mac, (10, 9, 0, 2)))
    g.wait(f"[ $(awk '/^Icmp:/ {{ v = $10 }} END {{ print v }}' /proc/net/snmp) -ge $(({received} + 3)) ]", 10,
           f"{card.name}: pings that a program has unpacked are received")
    g.sh(f"ip addr flush dev {card.nic}")


def redirected(t, card, target):
    """Packets leave by another card, if that has a program."""
    count = len(LENGTHS)
    counted(t, card, "away", LENGTHS, [count, 0, count, count], "redirected to a card without a program")
    target.load("pass")
    before = target.counts("tx", ("xdp_tx", "xdp_tx_drops"))
    frames = counted(t, card, "away", LENGTHS, [count, 0, count, 0], "redirected")
    xdp.same(t, xdp.arrived(target.wire, count), frames, f"{card.name}: frames that were redirected")
    after = target.counts("tx", ("xdp_tx", "xdp_tx_drops"))
    t.equal([now - then for now, then in zip(after, before)], [count, 0], "what the other card has counted")
    xdp.unload(target.g, target.nic)


def socket(t, card):
    """A socket of AF_XDP gets packets and sends them, by copying."""
    g, count = card.g, 5 * len(LENGTHS)
    g.sh(f"/rvtest/af_xdp {card.nic} {count} >/tmp/af_xdp 2>&1 & echo $! >/tmp/pid")
    g.wait("grep -q ready /tmp/af_xdp", 10, "the socket is ready")
    frames = card.send(LENGTHS * 5)
    xdp.same(t, xdp.arrived(card.wire, count), [xdp.swapped(frame) for frame in frames], f"{card.name}: frames that a socket sends back")
    g.wait(f"grep -q '^{count} frames sent back' /tmp/af_xdp", 10, "the socket has sent all")
    g.wait(f"! ip link show {card.nic} | grep -q xdp", 10, "the program goes with its socket")
    t.check("bind: " in g.run(f"/rvtest/af_xdp {card.nic} 1 zerocopy")[1], f"{card.name}: a socket without copying was bound")


def spread(t, g, card, target):
    """Packets of several buffers."""
    count = len(LONG)
    g.sh(f"ip link set {card.nic} mtu 1500")
    if card.name == "merge":
        # One that takes no fragments sees them in one buffer, as long as they fit.
        frames = counted(t, card, "echo", (3000, 3400, 9014, 3000), [3, 3, 0, 1], "long ones for a program without fragments")
        xdp.same(t, xdp.arrived(card.wire, 3), [xdp.swapped(frames[at]) for at in (0, 1, 3)], "frames that were put together")
        xdp.unload(g, card.nic)
    g.sh(f"ip link set {card.nic} mtu 9000; ip link set {target.nic} mtu 9000")
    for _ in range(3):
        # The first ones come in buffers from before.
        frames = counted(t, card, "echo_spread", LONG * 8, [8 * count, 8 * count, 0, 0], "fragments")
        xdp.same(t, xdp.arrived(card.wire, 8 * count), [xdp.swapped(frame) for frame in frames], f"{card.name}: fragments")
    frames = counted(t, card, "stretch_spread", LONG, [count, count, 0, 0], "fragments that were stretched")
    for got, sent in zip(xdp.arrived(card.wire, count), frames, strict=True):
        t.check(len(got) == len(sent) + 180 and got[200 + 14:] == sent[14:-20], f"{card.name}: {len(sent)} bytes, stretched")
    target.load("pass_spread")
    frames = counted(t, card, "away_spread", LONG, [count, 0, count, 0], "fragments, redirected")
    xdp.same(t, xdp.arrived(target.wire, count), frames, f"{card.name}: fragments that were redirected")
    xdp.unload(g, target.nic)
    counted(t, card, "drop_spread", LONG, [count, 0, 0, count], "fragments, dropped")
    g.sh(f"ip addr add 10.9.0.2/24 dev {card.nic}; ping -c 3 -i 0.1 -s 8900 -M do -W 5 -I {card.nic} 10.9.0.1", 20)
    xdp.unload(g, card.nic)
    g.sh(f"ping -c 3 -i 0.1 -s 8900 -M do -W 5 -I {card.nic} 10.9.0.1; ip addr flush dev {card.nic}", 20)
    g.sh(f"ip link set {card.nic} mtu 1500; ip link set {target.nic} mtu 1500")


def under_load(t, g, source, peer):
    """Programs come and go on a card with offloads and several queues, while TCP runs both ways."""
    nic = g.sh(f"nic_of {g.pci('nic')}")
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 {HOST}; head -c {AMOUNT} /dev/urandom >/tmp/out")
    given, sent = len(peer.received), len(peer.sent)
    answers = g.sh(f"""touch /tmp/running
        ( {CHANGES.format(nic=nic)}
        ) >/tmp/changes 2>&1 & changes=$!
        tcp_put {peer.port} {AMOUNT} /tmp/out >/tmp/put & put=$!
        tcp_get {peer.port} {AMOUNT} >/tmp/got; wait $put
        rm /tmp/running; wait $changes || {{ cat /tmp/changes; exit 1; }}
        cat /tmp/put /tmp/got""", 120).split()
    t.equal([[answers[0]], [answers[1]]], [peer.received[given:], peer.sent[sent:]], "checksums while programs came and went")
    t.equal(answers[0], g.sh("sha256sum </tmp/out").split()[0], "checksum of what arrived while programs came and went")
    xdp.load(g, nic, "pass")
    t.check(g.run(f"ethtool -L {nic} combined 1")[0] != 0, "the number of pairs changed under a program")
    t.check(g.run(f"ethtool -K {nic} rx-gro-hw off")[0] != 0, "GRO_HW was switched under a program")
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), [str(2 * CPUS)] * 2, "pairs, at most and now")
    g.sh(f"ping -c 2 -i 0.1 -W 5 {HOST}")
    # With a queue for each CPU: packets of other cards go there.
    xdp.install(t, g, g.sh(f"cat /sys/class/net/{nic}/ifindex"))
    before = xdp.counts(g, nic, "tx", ("xdp_tx", "xdp_tx_drops"))
    counted(t, source, "away", LENGTHS * 10, [10 * len(LENGTHS), 0, 10 * len(LENGTHS), 0], "redirected to a card of many queues")
    after = xdp.counts(g, nic, "tx", ("xdp_tx", "xdp_tx_drops"))
    t.equal([now - then for now, then in zip(after, before)], [10 * len(LENGTHS), 0], "what the card of many queues has counted")
    if t.rust:
        text = g.sh(f"ethtool -S {nic} | grep -E 'tx[01]_xdp_tx:'")
        t.equal([line.split()[1] for line in text.splitlines()], ["0"] * 2, "frames on the stack's queues")
    xdp.unload(g, nic)
    xdp.unload(g, source.nic)
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), [str(2 * CPUS), str(CPUS)], "pairs afterwards")
    g.sh(f"ping -c 2 -i 0.1 -W 5 {HOST}")
