# SPDX-License-Identifier: GPL-2.0
"""A program of XDP stays loaded and works while its card is reset, sleeps, is full, and lies about the buffers of packets.

Cards of the emulator. One breaks a queue, and the system sleeps: the program is there afterwards, and a card that is able to
leave packets to us has heard again that they have to be complete. The other hands in frames that claim to have more buffers than a packet under XDP
may have fragments, and more than there are: each is dropped, and later ones are seen. A third takes fewer pairs of queues after its reset than before: what is
redirected to it goes by the stack's own queue from then on.

A card of QEMU sends late: what is sent back or redirected to it while its queue is full is dropped and counted, what was in the
queue goes out in its order, and none of it costs memory. So also on a card of the emulator that is slow in the queues that XDP
has for itself there, one for each CPU: they fill up, and what the stack sends meanwhile goes out at once.

Rows: N82 N83 N84 N90 H25 H35
"""

import contextlib
import time

from harness import datagrams, devices, exercise, leaks, power, xdp
from harness.emulator import Emulator, events
from harness.peer import Peer
from harness.registers import DRIVER_OK, STATUS
from harness.wire import Wire

TIMEOUT = 400
AMOUNT = 1 << 18
RESET = "it was reset and works again"
LIES = 20
BETWEEN = 10
# A ring has 256 entries; QEMU sends what is in it when nothing was sent for so many nanoseconds.
RING, FLOOD, LATE = 256, 600, 2_000_000_000
# The queues of XDP on a card with four pairs for two CPUs; how long the device has each of their frames, in milliseconds.
LANES, SLOW = (5, 7), 15
DATAGRAMS = 20
# Each VLAN takes two commands; the queue of commands is behind four pairs.
COMMANDS, CONTROL = 40, 8


def run(t):
    """One boot."""
    if not t.rust:
        return
    traces = {name: t.directory / f"{name}.trace" for name in ("nic", "liar")}
    lie = f"num-buffers-are:value=40:after={BETWEEN}:count={LIES}"
    more = f"num-buffers:value=3:after={2 * BETWEEN + LIES}:count={LIES}"
    served = {"nic": ("net", "--queues", 2, "--fault", "used-id:queue=1:after=300:count=1", "--trace", traces["nic"]),
              "liar": ("net", "--backend", "loopback", "--mtu", 9000, "--fault", lie, "--fault", more,
                       "--trace", traces["liar"]),
              "fewer": ("net", "--queues", 4, "--fault", f"used-id:queue={CONTROL}:after={COMMANDS}:count=1",
                        "--fault", f"answer:after={COMMANDS + 1}:count=1"),
              "deep": ("net", "--queues", 4, *(word for lane in LANES for word in ("--fault", f"stall:queue={lane}:value={SLOW}")),
                       "--backend", "vnet")}
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(Peer())
        device = stack.enter_context(Emulator.several(t, served))
        wires = {name: stack.enter_context(Wire()) for name in ("source", "late")}
        qemu = [*Emulator.memory(), *device.qemu("nic"), *device.user_net("nic"), *device.qemu("liar"), *device.qemu("fewer"),
                *device.user_net("fewer"), *device.qemu("deep")]
        qemu += wires["source"].netdev("source-net") + devices.net("source", "source-net")
        qemu += wires["late"].netdev("late-net") + devices.net("late", "late-net", tx="timer", **{"x__txtimer": LATE})
        g = stack.enter_context(t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu))
        nic = g.sh(f"nic_of {g.pci('nic')}")
        source, late = (xdp.Card(g, name, wire) for name, wire in wires.items())
        with device.packets("deep") as end:
            full(t, g, source, late, xdp.Card(g, "deep", datagrams.PacketWire(end)))
        recovered(t, g, nic, peer)
        liar = g.sh(f"nic_of {g.pci('liar')}")
        lied_to(t, g, liar)
        complete(t, g, liar, "before the sleep")
        fewer(t, g, source, g.sh(f"nic_of {g.pci('fewer')}"))
        power.sleep(t, g)
        works(t, g, nic, peer, "the sleep")
        complete(t, g, liar, "after the sleep")
    t.equal(len(readies(traces["nic"])), 3, "times that the driver was ready")
    ready = readies(traces["liar"])
    t.equal(len(ready), 2, "times that the driver of a card that sleeps was ready")


def full(t, g, source, late, deep):
    """More frames than a queue has room for, sent back by a card itself and redirected to it by another one."""
    for card in (source, late, deep):
        g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{card.nic}/disable_ipv6; ip link set {card.nic} up")
    g.sh(f"ip addr add 10.9.6.2/24 dev {deep.nic}; ip neigh add 10.9.6.1 lladdr 52:54:00:00:00:99 dev {deep.nic}")
    away_to(t, g, source, deep)
    late.load("echo")
    deep.load("echo")
    leaks.check(t, g, lambda: floods(t, source, late, deep), FLOOD, f"{FLOOD} frames, again and again", 0)
    own_queues(t, g, deep)
    away_to(t, g, source, late)
    flooded(t, source, late, "away")
    some = late.send([300] * 100)
    xdp.same(t, xdp.arrived(late.wire, len(some), 60), [xdp.swapped(frame) for frame in some], "frames sent back when there is room again")
    for card in (source, late, deep):
        xdp.unload(g, card.nic)
    g.sh(f"ip link set {deep.nic} down")


def away_to(t, g, source, target):
    """What comes by the source is redirected to the target from now on."""
    xdp.install(t, g, g.sh(f"cat /sys/class/net/{target.nic}/ifindex"))
    source.load("away")


def floods(t, source, late, deep):
    """The queue that the card has for everything is full, and then those that XDP has for itself."""
    flooded(t, late, late, "echo")
    # The card hands in the next ones by the pair that this one is sent back by, in whose queues they keep their order.
    deep.send([60])
    t.equal(len(xdp.arrived(deep.wire, 1)), 1, "first frame that is sent back")
    flooded(t, deep, deep, "echo", sends_meanwhile)
    flooded(t, source, deep, "away", sends_meanwhile)


def own_queues(t, g, deep):
    """What was counted where XDP has a queue for each CPU beside the stack's."""
    used, dropped = per_queue(g, deep.nic, "xdp_tx"), per_queue(g, deep.nic, "xdp_tx_drops")
    t.equal((used[:2], dropped[:2]), ([0, 0], [0, 0]), "frames of XDP that were sent, and dropped, on the stack's queues")
    t.equal([sum(used), sum(dropped)], deep.counts("tx", ("xdp_tx", "xdp_tx_drops")), "sums of all queues, and totals")
    t.equal(g.sh(f"cat /sys/class/net/{deep.nic}/statistics/tx_dropped"), "0", "packets of the stack that were dropped")


def sends_meanwhile(t, card):
    """Datagrams of the stack go out while a queue of XDP has frames still."""
    card.g.sh(f"bash -c 'for _ in $(seq {DATAGRAMS}); do echo test >/dev/udp/10.9.6.1/9; sleep 0.02; done'")
    end = time.monotonic() + 20
    while True:
        frames = list(card.wire.frames.queue)
        held = RING - sum(frame[12:14] == xdp.KIND for frame in frames)
        if sum(frame[12:14] == b"\x08\0" for frame in frames) >= DATAGRAMS:
            break
        t.check(time.monotonic() < end, "what the stack sends does not go out")
        time.sleep(0.01)
    t.check(held > 0, "what the stack sends went out after what was in the queue of XDP")


def flooded(t, card, target, program, meanwhile=lambda t, card: None):
    """Sends the frames to the card, and sees what the target makes of them; `meanwhile`: before they have gone out."""
    names = ("xdp_tx", "xdp_tx_drops")
    received, before = card.counts()[0], target.counts("tx", names)
    frames = card.send([100 + number % 700 for number in range(FLOOD)])
    card.g.wait(f"[ $(ethtool -S {card.nic} | awk '/ rx_xdp_packets:/ {{ print $2 }}') -ge {received + FLOOD} ]", 60,
                f"{card.name}: all frames are seen by the program")
    meanwhile(t, target)
    sent, dropped = (now - then for now, then in zip(target.counts("tx", names), before))
    t.equal(sent, FLOOD, f"{program}: frames that were to be sent")
    # Some room comes back if the host is so slow that the card sends in between.
    t.check(0 < dropped <= FLOOD - RING, f"{program}: {dropped} of {FLOOD} frames were dropped")
    wanted = [xdp.swapped(frame) if program == "echo" else frame for frame in frames]
    arrived = xdp.arrived(target.wire, FLOOD - dropped, 60)
    t.equal(len(arrived), FLOOD - dropped, f"{program}: frames that went out")
    rest = iter(wanted)
    t.check(all(frame in rest for frame in arrived), f"{program}: frames went out in another order, or changed")


def fewer(t, g, source, nic):
    """A card that has a queue for each CPU beside the stack's, until it refuses as many."""
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 -I {nic} 10.0.2.2; modprobe 8021q")
    xdp.install(t, g, g.sh(f"cat /sys/class/net/{nic}/ifindex"))
    xdp.load(g, nic, "pass")
    source.load("away")
    redirected(t, g, source, nic, lambda queues: queues[:2] == [0, 0])
    g.sh(f"for id in $(seq 20 {20 + COMMANDS}); do ip link add link {nic} name brief type vlan id $id; ip link del brief; done", 60)
    g.wait(f"dmesg | grep -q 'rvirtio_net {g.pci('fewer')}: .*has broken a queue; {RESET}'", 60, "the card is reset")
    t.equal(g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split(), ["4", "1"], "pairs, at most and now")
    redirected(t, g, source, nic, lambda queues: len(queues) == 1)
    t.check("prog/xdp" in g.sh(f"ip -d link show {nic}"), "no program after the reset to fewer pairs")
    g.sh(f"ping -c 3 -i 0.2 -W 5 -I {nic} 10.0.2.2")
    for card in (source.nic, nic):
        xdp.unload(g, card)
    g.sh(f"ethtool -L {nic} combined 2; ping -c 2 -i 0.2 -W 5 -I {nic} 10.0.2.2; user_net_down {nic}")


def per_queue(g, nic, name):
    """A counter of each transmit queue."""
    return [int(line) for line in g.sh(f"ethtool -S {nic} | sed -n 's/^ *tx[0-9][0-9]*_{name}: //p'").split()]


def redirected(t, g, source, nic, on_queues):
    """Frames leave by the card, on such queues; their numbers are checked."""
    count, before = 50, per_queue(g, nic, "xdp_tx")
    source.send([200] * count)
    g.wait(f"[ $(ethtool -S {nic} | awk '/ tx[0-9]+_xdp_tx:/ {{ n += $2 }} END {{ print n }}') -ge {sum(before) + count} ]", 20, "frames leave by the card")
    carried = [now - then for now, then in zip(per_queue(g, nic, "xdp_tx"), before)]
    t.check(sum(carried) == count and on_queues(carried), f"frames redirected to each queue: {carried}")
    t.equal(sum(per_queue(g, nic, "xdp_tx_drops")), 0, "frames redirected that were dropped")


def readies(path):
    """When the driver said that it was ready."""
    return [event["seq"] for event in events(path, "register")
            if event["write"] and event["offset"] == STATUS and int(event["data"], 16) & DRIVER_OK]


def works(t, g, nic, peer, what):
    """The program is shown, and sees the packets of TCP."""
    t.check("prog/xdp" in g.sh(f"ip -d link show {nic}"), f"no program after {what}")
    before = xdp.counts(g, nic)
    exercise.card(t, g, nic, peer, AMOUNT)
    grown = [now - then for now, then in zip(xdp.counts(g, nic), before)]
    t.check(grown[0] > AMOUNT // 1514 and grown[1:] == [0, 0, 0], f"after {what} the counters have grown by {grown}")


def complete(t, g, nic, when):
    """Datagrams whose checksums are left to the card come back complete: others would be dropped."""
    before = xdp.counts(g, nic)
    g.sh("bash -c 'for _ in $(seq 10); do echo test >/dev/udp/10.9.5.1/9; done'")
    g.wait(f"[ $(ethtool -S {nic} | sed -n 's/^ *rx_xdp_packets: //p') -ge {before[0] + 10} ]", 10, f"datagrams come back {when}")
    t.equal(xdp.counts(g, nic)[3], before[3], f"frames that were dropped {when}")


def recovered(t, g, nic, peer):
    """The card breaks the queue that it sends on."""
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2")
    xdp.load(g, nic, "pass")
    g.sh("head -c 1048576 /dev/zero | timeout 15 taskset -c 0 socat -u -b 1400 - UDP-SENDTO:10.0.2.2:9 || :", 90)
    g.wait(f"dmesg | grep -q 'has broken a queue; {RESET}'", 60, "the card is reset")
    works(t, g, nic, peer, "the reset")


def lied_to(t, g, nic):
    """Frames of several buffers come back to the card that has sent them."""
    g.sh(f"ip link set {nic} mtu 9000 promisc on up; ip addr add 10.9.5.2/24 dev {nic}; "
         f"ip neigh add 10.9.5.1 lladdr 52:54:00:00:00:99 dev {nic}")
    xdp.load(g, nic, "pass_spread")
    before = xdp.counts(g, nic)
    total = 3 * BETWEEN + 2 * LIES
    g.run(f"ping -c {total} -i 0.01 -W 1 -s 8900 -M do 10.9.5.1", 60)
    g.wait(f"[ $(ethtool -S {nic} | sed -n 's/^ *rx_xdp_drops: //p') -ge {before[3] + 2 * LIES} ]", 10, "lies are counted")
    after = xdp.counts(g, nic)
    grown = [now - then for now, then in zip(after, before)]
    t.check(grown[0] >= total - 4 * LIES and 2 * LIES <= grown[3] <= 4 * LIES, f"the counters have grown by {grown}")
    # Those that claim what no packet may have are not looked for.
    missing = int(g.sh(f"cat /sys/class/net/{nic}/statistics/rx_length_errors"))
    t.check(LIES <= missing < 2 * LIES, f"{missing} frames of which something is missing")
    # The last ones were true again.
    g.run(f"ping -c {BETWEEN} -i 0.01 -W 1 -s 8900 -M do 10.9.5.1", 60)
    later = [now - then for now, then in zip(xdp.counts(g, nic), after)]
    t.check(later[0] >= BETWEEN and later[3] == 0, f"true ones: the counters have grown by {later}")
