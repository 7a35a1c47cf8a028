# SPDX-License-Identifier: GPL-2.0
"""A program of XDP stays loaded and works while its card is reset, sleeps, and lies about the buffers of packets.

Cards of the emulator. One breaks a queue, and the system sleeps: the program is there afterwards, and a card that is able to
leave packets to us has heard again that they have to be complete. The other hands in frames that claim to have more buffers than a packet under XDP
may have fragments, and more than there are: each is dropped, and later ones are seen.

Rows: N82 N90 H25 H35
"""

from harness import devices, exercise, power, xdp
from harness.emulator import Emulator, events
from harness.peer import Peer
from harness.registers import DRIVER_OK, STATUS

TIMEOUT = 400
AMOUNT = 1 << 18
RESET = "it was reset and works again"
LIES = 20
BETWEEN = 10


def run(t):
    """One boot."""
    if not t.rust:
        return
    traces = {name: t.directory / f"{name}.trace" for name in ("nic", "liar")}
    lie = f"num-buffers-are:value=40:after={BETWEEN}:count={LIES}"
    more = f"num-buffers:value=3:after={2 * BETWEEN + LIES}:count={LIES}"
    served = {"nic": ("net", "--queues", 2, "--fault", "used-id:queue=1:after=300:count=1", "--trace", traces["nic"]),
              "liar": ("net", "--backend", "loopback", "--mtu", 9000, "--fault", lie, "--fault", more,
                       "--trace", traces["liar"])}
    with Peer() as peer, Emulator.several(t, served) as device:
        qemu = [*Emulator.memory(), *device.qemu("nic"), *device.user_net("nic"), *device.qemu("liar")]
        with t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            xdp.install(t, g, 1)
            recovered(t, g, nic, peer)
            liar = g.sh(f"nic_of {g.pci('liar')}")
            lied_to(t, g, liar)
            complete(t, g, liar, "before the sleep")
            power.sleep(t, g)
            works(t, g, nic, peer, "the sleep")
            complete(t, g, liar, "after the sleep")
    t.equal(len(readies(traces["nic"])), 3, "times that the driver was ready")
    ready = readies(traces["liar"])
    t.equal(len(ready), 2, "times that the driver of a card that sleeps was ready")


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
