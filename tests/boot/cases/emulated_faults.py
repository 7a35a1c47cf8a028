# SPDX-License-Identifier: GPL-2.0
"""Our drivers on devices of the emulator that do something wrong on purpose.

A card that never interrupts for what it has sent: the receive poll cleans up in passing, so that frames go out for as
long as frames come in. A card that never interrupts for what it has received: the queue is looked at every two seconds all the
same, so that nothing is lost and the network core misses nothing. A card that claims more buffers for a frame than it has used: each such frame is counted and
dropped, and the next ones arrive. Likewise frames whose header asks for a checksum or segments that cannot be, beside
two cards, with mergeable and with long buffers, that hand in datagrams of UDP uncut: each arrives as one packet, at a socket
or, cut into as many fragments as its header asks for, behind a router; those of no size are counted and dropped. A card that
refuses commands, or gives them back without an answer: that stands in the log, and VLANs come and go. A card and a disk that
interrupt each time they are notified, before there is anything: everything works, and the kernel counts such interrupts as unhandled. A card that never answers a command: that costs a wait and a line of the log once,
commands fail, frames go on, and the driver can be taken off and bound again.

Rows: T31 T67 N10 N36 N41 N51 N52 N59 N65 N66 N94 H13 H14 H22 H23
"""

import contextlib
import os
import re

from harness import datagrams, devices, exercise, inspect
from harness.emulator import Emulator
from harness.peer import Peer

TIMEOUT = 120
RECEIVE, TRANSMIT, CONTROL = 0, 1, 2
LIES = 5
PINGS = 600
# Seconds after which a card is looked after.
PULSE = 2
# Bytes of the datagrams that are not cut, the cards that hand them in, and their words.
LENGTHS = (2001, 65000)
UNCUT = {"merged": (), "long": ("--features", "-mrg-rxbuf")}

VARIANTS = {
    "interrupt-lost": {"fault": f"interrupt-lost:queue={TRANSMIT}", "after": "sent"},
    "receive-interrupt-lost": {"fault": f"interrupt-lost:queue={RECEIVE}:after=10", "after": "late"},
    "interrupt-spurious": {"fault": "interrupt-spurious", "after": "spurious"},
    "num-buffers": {"fault": f"num-buffers:queue={RECEIVE}:after=10:count={LIES}", "after": "received",
                    "more": ("--fault", f"answer-unwritten:queue={CONTROL}")},
    "checksum": {"fault": f"checksum:queue={RECEIVE}:after=10:count={LIES}", "after": "mislabelled",
                 "more": ("--fault", f"answer:queue={CONTROL}")},
    "segments": {"fault": f"segments:queue={RECEIVE}:after=10:count={LIES}", "after": "uncut"},
    "silence": {"fault": f"silence:queue={CONTROL}", "after": "unanswered"},
}


def statistic(g, nic, name):
    """A counter of the interface."""
    return int(g.sh(f"cat /sys/class/net/{nic}/statistics/{name}"))


def sent(t, g, nic):
    """More frames than the ring of 256 has room for go out, although nothing tells that they are gone."""
    before = statistic(g, nic, "tx_packets")
    g.sh(f"ping -q -c {PINGS} -i 0.005 -W 5 10.0.2.2", 60)
    t.check(statistic(g, nic, "tx_packets") - before >= PINGS, "not every frame was sent")


def late(t, g, nic):
    """Answers come, if late, as long as nothing tells that they are there."""
    g.sh("ping -q -c 20 -i 0.05 -W 5 10.0.2.2", 60)
    text = g.sh("ping -c 4 -i 1 -W 8 10.0.2.2", 60)
    times = sorted(float(took) for took in re.findall(r"time=([\d.]+)", text))
    t.check(len(times) == 4 and times[-1] > 100, f"no answer was late: {text}")
    t.check(times[-1] < PULSE * 1500, f"an answer took {times[-1]} ms")


def received(t, g, nic, counter="rx_length_errors"):
    """Some of the pings are answered in vain; a lie may also be told of another frame than an answer."""
    before = statistic(g, nic, counter)
    status, text = g.run("ping -q -c 40 -i 0.05 -W 1 10.0.2.2", 60)
    answered = re.search(r"(\d+) received", text)
    t.check(answered and int(answered[1]) >= 40 - LIES, f"pings answered, status {status}: {text}")
    t.equal(statistic(g, nic, counter) - before, LIES, "frames that were refused")


def mislabelled(t, g, nic):
    """The same, counted as another kind of error."""
    received(t, g, nic, "rx_frame_errors")


def refused(t, g, nic):
    """Every command of the card is: a VLAN comes and goes, and the log has that the card did not want it."""
    # All lines, however many.
    g.sh(f"sysctl -qw net.core.message_cost=0; modprobe 8021q; ip link add link {nic} name tagged type vlan id 7 && "
         "ip link set tagged up && ip link del tagged")
    for what in ("VLAN_ADD", "VLAN_DEL"):
        t.check(f"refuses command {what}" in g.sh("dmesg"), f"no line about {what}, which was refused")


def unanswered(t, g, nic):
    """Commands fail, at once after the first, and everything else goes on; then the device is reset."""
    address = g.pci("nic")
    g.wait("dmesg | grep -q 'does not answer command'", 20)
    status, text = g.run(f"ip link set {nic} address 52:54:00:77:00:99")
    t.check(status != 0 and "timed out" in text, f"the address could be set, status {status}: {text}")
    stuck = inspect.fields(inspect.show(g, "nic")[f"queue{CONTROL}"])
    t.equal((stuck["in flight"], stuck["waiting"]), (1, 0), "commands with the device, and those that it has given back")
    g.sh("ping -q -c 10 -i 0.05 -W 5 10.0.2.2", 60)
    t.equal(g.sh("dmesg | grep -c 'does not [a]nswer'"), "1", "lines of the log about it")
    g.sh(f"unbind {address}; bind {address} rvirtio_net; user_net_up $(nic_of {address}); ping -c 2 -i 0.2 -W 5 10.0.2.2")


def unhandled(g, device):
    """Interrupts of the device's queues that its driver said were not for it."""
    lines = [line.split() for line in g.sh(f"interrupts_of {g.pci(device)}").splitlines()]
    numbers = [number.rstrip(":") for number, _, name in lines if not name.endswith("-config")]
    return sum(int(g.sh(f"awk '$1 == \"unhandled\" {{ print $2 }}' /proc/irq/{number}/spurious")) for number in numbers)


def spurious(t, fault):
    """One boot with a disk and a card that interrupt for nothing."""
    image = t.disk("disk.img", 64 << 20)
    served = {"disk": ("blk", "--disk", image, "--fault", fault), "nic": ("net", "--fault", fault)}
    with Peer() as peer, Emulator.several(t, served) as device:
        qemu = [*Emulator.memory(), *device.qemu("disk", addr="4"), *device.qemu("nic", addr="3"), *device.user_net("nic")]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust") as g:
            written = exercise.disk(g, g.sh(f"disk_of {g.pci('disk')}"))
            exercise.card(t, g, g.sh(f"nic_of {g.pci('nic')}"), peer)
            for name in served:
                t.check(unhandled(g, name) > 0, f"{name}: every interrupt for nothing was handled")
    exercise.image(t, image, written)


def uncut(t, fault):
    """One boot with a card whose segments cannot be, and two that hand in datagrams uncut, some of them of no size."""
    good = 2 * len(datagrams.SIZES) * len(LENGTHS)
    lies = f"segments:queue={RECEIVE}:after={good}:count={LIES}"
    served = {"nic": ("net", "--fault", fault)}
    served |= {name: ("net", "--fault", lies, *words, "--backend", "vnet") for name, words in UNCUT.items()}
    with Peer() as peer, Emulator.several(t, served) as device, contextlib.ExitStack() as stack:
        ends = {name: stack.enter_context(device.packets(name)) for name in UNCUT}
        qemu = [*Emulator.memory(), *device.qemu("nic", addr="3"), *device.user_net("nic")]
        for slot, name in enumerate(UNCUT, 4):
            qemu += device.qemu(name, addr=str(slot))
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust") as g:
            lied(t, g, g.sh(f"nic_of {g.pci('nic')}"), peer, mislabelled)
            for number, name in enumerate(UNCUT, 1):
                datagrams_arrive(t, datagrams.Router(t, g, name, ends[name], number))


def datagrams_arrive(t, router):
    """Good ones, bad ones, and a good one again."""
    payloads = [os.urandom(length) for length in LENGTHS]
    for version in datagrams.SIZES:
        for payload in payloads:
            router.arrives(version, payload)
            router.arrives(version, payload, behind=True)
    t.equal(router.reassembled(), [0, 0], f"{router.name}: fragments that came in")
    cut = [sum(datagrams.fragments(version, payload) for payload in payloads) for version in datagrams.SIZES]
    t.equal(router.reassembled(behind=True), cut, f"{router.name}: fragments behind it")
    for _ in range(LIES):
        router.send(4, payloads[0])
    router.g.wait(f"[ $(cat /sys/class/net/{router.nic}/statistics/rx_frame_errors) = {LIES} ]", 10, "frames that were refused")
    # Those were not taken.
    router.arrives(4, payloads[-1])


def lied(t, g, nic, peer, check):
    """A card on QEMU's user network, some of whose frames are not what they say."""
    g.sh(f"user_net_up {nic}; ping -c 2 -i 0.2 -W 5 10.0.2.2")
    check(t, g, nic)
    exercise.card(t, g, nic, peer, 1 << 20)


def run(t, fault, after, more=()):
    """One boot with one fault."""
    if after in ("spurious", "uncut"):
        {"spurious": spurious, "uncut": uncut}[after](t, fault)
        return
    with Peer() as peer, Emulator(t, "net", "--fault", fault, *more) as device:
        qemu = [*Emulator.memory(), *device.qemu("nic", addr="3"), *device.user_net()]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust") as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            if after in ("received", "mislabelled"):
                lied(t, g, nic, peer, {"received": received, "mislabelled": mislabelled}[after])
                refused(t, g, nic)
                return
            g.sh(f"user_net_up {nic}; ping -c 2 -i 0.2 -W 5 10.0.2.2")
            {"sent": sent, "late": late, "unanswered": unanswered}[after](t, g, nic)
