# SPDX-License-Identifier: GPL-2.0
"""Devices that interrupt without a pause, and go on with it while their driver comes and goes.

A disk with vectors, a disk on the interrupt pin and a card, each of the emulator, whose configuration's interrupt fires all
the time; and a disk that does so with the interrupt of its queue. However many the device sends, few arrive: too many for
nothing and they are masked for a while, which the log says once. What is written and read meanwhile is right, and frames are
answered. Drivers are taken off in the middle of it and bound again, and the modules go: no handler and no work of theirs runs
afterwards. The kernel poisons memory that was freed.

Then the device's last trick: a card that changes the header of a packet from right to wrong and back while the driver looks at
it. The header is read once: it is a right one or one whose number of buffers is wrong, and never half of each.

Rows: H16 H39 H40
"""

from harness import devices, storms
from harness.emulator import Emulator
from harness.hostile.batch import DRIVERS
from harness.storms import STORMS

TIMEOUT = 400
# Its interrupts take the processor from the guests of other cases.
ALONE = True
# What drivers/virtio/core/storm.rs bears within an interval, and what follows: milliseconds, interrupts.
INTERVAL, PAUSE, MOST, CONFIG_MOST = 100, 200, 1000, 20
# Milliseconds for which interrupts are counted.
WATCHED = 3000
# Packets of each kind that are waited for.
PACKETS = 10


def driver(name):
    """The driver of a device."""
    return DRIVERS["rust"][STORMS[name][0]]


def use(g, name, at):
    """A disk is written and read, a card is pinged."""
    if STORMS[name][0] == "blk":
        g.sh(f"disk_round_trip /dev/$(disk_of {at}) 1 64k", 90)
    else:
        g.sh(f"user_net_up $(nic_of {at}); ping -q -c 3 -i 0.1 -W 10 10.0.2.2; user_net_down $(nic_of {at})", 90)


def is_masked(g, name, at, times):
    """Waits until interrupts of a device were masked more often than so many times; on a busy host, the device may take long to
    send as many as that."""
    g.wait(f"[ $(awk '/^masked:/ {{ print $2 }}' /sys/kernel/debug/{driver(name)}-{at}/interrupts) -gt {times} ]", 90,
           f"{name}: interrupts are masked more than {times} times")


def arriving(t, g, name, at):
    """Few interrupts arrive, but some do, and they are masked again and again."""
    is_masked(g, name, at, 0)
    words = g.sh(f"echo $(uptime_ms) $(interrupt_count_of {at}); sleep {WATCHED // 1000}; echo $(interrupt_count_of {at}) $(uptime_ms)")
    began, before, after, ended = map(int, words.split())
    # One interval more at either end, and one that arrives while the line is being masked, for each time.
    periods = (ended - began) // INTERVAL + 2
    most = (MOST if name == "queue" else CONFIG_MOST) + 1
    t.check(after > before, f"{name}: no interrupt arrives any more")
    t.check(after - before <= most * periods, f"{name}: {after - before} interrupts in {ended - began} ms")
    is_masked(g, name, at, 1)


def said_once(t, g, at):
    """The log says that interrupts are masked, and says it once a minute at most."""
    lines = int(g.sh(f"dmesg | grep -c '{at}: the device interrupts for nothing'; true"))
    minutes = int(g.sh("uptime_ms")) // 60000 + 1
    # Each binding begins anew.
    t.check(1 <= lines <= 2 * minutes, f"{at}: {lines} lines about interrupts for nothing")


def in_storms(t, g):
    """Binding, use, and removal in a storm."""
    places = {name: g.pci(name) for name in STORMS}
    for again in (False, True):
        for name, at in places.items():
            use(g, name, at)
        if not again:
            for name, at in places.items():
                if name != "nic":
                    arriving(t, g, name, at)
                    said_once(t, g, at)
            for at in places.values():
                g.sh(f"unbind {at}", 30)
            left = "|".join(places.values())
            t.equal(g.sh(f"grep -E 'rvirtio.*({left})' /proc/interrupts; true"), "", "handlers that were left behind")
            for name, at in places.items():
                g.sh(f"bind {at} {driver(name)}", 60)
    g.sh(f"rmmod {' '.join(DRIVERS['rust'].values())}", 60)
    # Whatever was left would run now.
    g.sh(f"sleep {(PAUSE + 800) / 1000}; modprobe rvirtio_net", 30)


def flips(t, g):
    """Headers that change while they are read."""
    nic = g.sh(f"nic_of {g.pci('flips')}")
    counts = f"/sys/class/net/{nic}/statistics"
    g.sh(f"user_net_up {nic}; (ping -i 0.05 10.0.2.2 >/dev/null 2>&1) & true")
    g.wait(f"[ $(cat {counts}/rx_packets) -ge {PACKETS} ] && [ $(cat {counts}/rx_length_errors) -ge {PACKETS} ]", 120,
           "packets with right headers and with wrong ones")
    t.equal(g.sh(f"cat {counts}/rx_frame_errors"), "0", "headers of which one half was right and the other wrong")


def run(t):
    """One boot with all of them."""
    served = storms.served(t, STORMS)
    served["flips"] = ("net", "--features", "+GUEST_CSUM", "--fault", "header-flips")
    with Emulator.several(t, served) as device:
        qemu = [*Emulator.memory(), *device.user_net("nic"), *device.user_net("flips")]
        for name, slot in zip(served, "43567"):
            qemu += device.qemu(name, addr=slot)
        with t.boot(args=[*devices.BARE, "--append", "slub_debug=FP"], qemu=qemu, driver="rust", seconds=300) as g:
            in_storms(t, g)
            flips(t, g)
