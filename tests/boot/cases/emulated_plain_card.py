# SPDX-License-Identifier: GPL-2.0
"""Our driver on a card of the emulator that has neither address nor link state: a random address, an assumed link.

Without MAC the driver makes an address up, says so and tells user space that it is one; without STATUS the carrier is
there as soon as the interface is up. Frames go both ways under the address, and under another one after a change. On
a card with MAC the address is the device's own, and user space is told that, too.

Rows: N71 N72
"""

import re

from harness import devices, exercise
from harness.emulator import Emulator
from harness.peer import Peer

TIMEOUT = 90
MAC = "52:54:00:77:00:03"
# NET_ADDR_PERM and NET_ADDR_RANDOM.
PERMANENT, RANDOM = "0", "1"


def run(t):
    """One boot with a card of each kind."""
    words = ("net", "--mac", MAC, "--check=strict")
    cards = {"plain": (*words, "--features", "-mac,-status,-ctrl-vq"), "full": words}
    with Peer() as peer, Emulator.several(t, cards) as emulator:
        qemu = [*Emulator.memory()]
        for slot, name in enumerate(cards, 3):
            qemu += [*emulator.qemu(name, addr=f"{slot:x}"), *emulator.user_net(name)]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust") as g:
            nic = {name: g.sh(f"nic_of {g.pci(name)}") for name in cards}
            shown = {name: g.sh(f"cd /sys/class/net/{nic[name]}; cat addr_assign_type address").split() for name in cards}
            t.equal(shown["full"], [PERMANENT, MAC], "address of the card that has one")
            kind, address = shown["plain"]
            t.equal(kind, RANDOM, "kind of address of the card that has none")
            t.equal(int(address[:2], 16) & 3, 2, f"group bit and local bit of {address}")
            notice = rf"rvirtio_net {g.pci('plain')}: assigned random MAC address {address}"
            t.check(re.search(notice, g.sh("dmesg")), f"no line like: {notice}")
            g.sh(f"ip link set {nic['plain']} up")
            t.equal(g.sh(f"cat /sys/class/net/{nic['plain']}/carrier"), "1", "carrier without STATUS")
            exercise.card(t, g, nic["plain"], peer, 1 << 20)
            g.sh(f"ip link set {nic['plain']} address 02:00:00:00:00:42; ping -c 2 -i 0.2 -W 5 10.0.2.2")
