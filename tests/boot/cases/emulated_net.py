# SPDX-License-Identifier: GPL-2.0
"""Cards of the emulator, on Linux's own driver and on ours: frames, pairs of queues, segmentation, commands, the link.

A guest has a card of each kind, each served by an emulator of its own. TCP with checksums goes to QEMU's user network,
whose own TCP stack judges the frames. It takes no large packets: the emulator cuts what the driver leaves to it. The
link goes down and comes back, the driver announces itself when it is asked to, adds and removes a VLAN, takes another
address and the MTU; without MAC or STATUS it does without. Ours sets modes and addresses, too, and is judged strictly,
with the simple framing as with any layout; what Linux's breaks on the plain cards is what docs/conformance.md records.

Rows: T38 D1 D17 D25 D34 D36 N0 N11 N50 N56 N17 N18 N19 N20 N21 N23 N57 N58 N59 N60 N62 N64 N69
"""

import contextlib
from dataclasses import dataclass

from harness import conformance, devices, exercise
from harness.case import Failure
from harness.cells import Cell, Cells
from harness.emulator import Emulator, events
from harness.guest import ScriptError
from harness.peer import Peer

TIMEOUT = 480
AMOUNT = 2 << 20
# More than our driver puts in a table.
GROUPS = 140

# What is done with each card, by its name, and its words; those without TSO get no packet larger than a frame.
CARDS = {
    "linux": {
        "plain": ("judged", ()),
        "plain-intx": ("judged", ("--vectors", 0, "--features", "-mrg-rxbuf,-event-idx,-indirect-desc")),
        "full": ("full", ("--queues", 2, "--mtu", 1500)),
        "intx": ("full", ("--queues", 2, "--mtu", 1500, "--vectors", 0)),
        "no-mac": ("address", ("--queues", 2, "--features", "-mac")),
        "no-mac-command": ("address", ("--queues", 2, "--features", "-ctrl-mac-addr")),
        "no-status": ("transfer", ("--queues", 2, "--features", "-status")),
        "no-control": ("transfer", ("--queues", 2, "--features", "-ctrl-vq")),
    },
    "rust": {
        "full": ("commands", ("--queues", 2, "--mtu", 1500)),
        "plain": ("commands", ("--queues", 2, "--vectors", 0, "--features", "-mac,-any-layout")),
        "no-control": ("address", ("--queues", 2, "--features", "-ctrl-vq")),
        "long-buffers": ("transfer", ("--vectors", 0, "--features", "-mrg-rxbuf,-event-idx")),
    },
}
VARIANTS = {
    "linux": {"driver": "c"},
    "rust": {"driver": "rust", "machine": "q35"},
}


@dataclass
class Card(Cell):
    """A card, and how it is looked at."""

    check: str = ""
    words: tuple = ()
    mac: str = ""
    device: Emulator = None
    trace: object = None


def full(t, g, nic, card):
    """All that can change at run time."""
    def carrier(state):
        g.wait(f"[ \"$(cat /sys/class/net/{nic}/carrier)\" = {int(state)} ]", 5, f"carrier is {int(state)}")

    t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu"), "1500", "MTU")
    t.check("tcp-segmentation-offload: on" in g.sh(f"ethtool -k {nic}"), "no segmentation offload")
    g.sh(f"ethtool -L {nic} combined 2")
    for _ in range(3):
        card.device.toggle_link()
        carrier(False)
        t.check(g.run("ping -c 1 -W 1 10.0.2.2")[0] != 0, "a ping got through without a link")
        card.device.toggle_link()
        carrier(True)
        # What was asked for in vain without the link may still be given up.
        g.wait("ping -c 1 -W 1 10.0.2.2", 20, "an answer over the link")
    card.device.look_again()
    tagged(g, nic)
    address(t, g, nic, card)


def address(_t, g, nic, _card):
    """Frames arrive at an address that the driver has chosen."""
    g.sh(f"ip link set {nic} address 52:54:00:77:00:99; ping -c 2 -i 0.2 -W 5 10.0.2.2")


def commands(t, g, nic, card):
    """Whatever a driver can ask of a card at run time; our driver's tables end where modes take over."""
    def group(number):
        return f"33:33:00:00:01:{number:02x}"

    for mode in ("promisc", "allmulticast"):
        g.sh(f"ip link set {nic} {mode} on; ip link set {nic} {mode} off")
    g.sh(f"modprobe macvlan; ip link add link {nic} name second type macvlan mode bridge; ip link set second up")
    g.sh("ip link del second")
    for verb in ("add", "del"):
        g.sh("\n".join(f"ip maddr {verb} {group(number)} dev {nic}" for number in range(GROUPS)), 120)
    tagged(g, nic)
    card.device.look_again()
    address(t, g, nic, card)
    # The card keeps asking until it was obeyed, and the driver looks when the interface is opened.
    g.sh(f"ip link set {nic} down")
    card.device.look_again()
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2")


def tagged(g, nic):
    """A VLAN comes and goes."""
    g.sh(f"modprobe 8021q; ip link add link {nic} name tagged type vlan id 7 && ip link set tagged up && ip link del tagged")


def judged(t, g, nic, card):
    """The card's own address is the interface's."""
    t.equal(g.sh(f"cat /sys/class/net/{nic}/address"), card.mac, "MAC address")


def transfer(_t, _g, _nic, _card):
    """Nothing more."""


def address_writes(t, path):
    """A device without a command for the address gets its bytes from the first to the last, which it may act on."""
    writes = [(event["config"], len(event["data"]) // 2) for event in events(path, "register")
              if event["write"] and event["config"] is not None and event["config"] < 6]
    t.check(writes and writes == [(at, 1) for at in range(6)] * (len(writes) // 6), f"writes of the address: {writes}")


CHECKS = {check.__name__: check for check in (full, address, commands, judged, transfer)}


def in_the_guest(t, card, g, peer):
    """A card while the guest runs; the others are down."""
    nic = g.sh(f"nic_of {g.pci(card.name)}")
    try:
        exercise.card(t, g, nic, peer, AMOUNT)
        CHECKS[card.check](t, g, nic, card)
        errors = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_errors tx_errors rx_length_errors").split()
        t.equal(errors, ["0"] * 3, "errors of the card")
    except (Failure, ScriptError):
        g.run(f"user_net_down {nic}")
        raise
    g.sh(f"user_net_down {nic}")


def large(path):
    """How many of the packets that the driver gave the card were larger than a frame can be."""
    sizes = (sum(piece["len"] for piece in chain["pieces"] if not piece["writable"]) for chain in events(path, "chain"))
    return sum(size > 2000 for size in sizes)


def commands_in(path):
    """Class, number and answer of each command of a trace, and the most bytes of a table of addresses."""
    given = events(path, "command")
    seen = {(e["class"], e["command"], e["answer"]) for e in given}
    return seen, max((e["bytes"] for e in given if (e["class"], e["command"]) == (1, 0)), default=0)


def afterwards(t, card, driver):
    """What the emulator says of the card at its end, and what is in its trace."""
    card.device.end()
    t.equal(card.device.frames()[2], 0, "malformed frames")
    t.check(large(card.trace) > AMOUNT // 65536 // 2, f"{large(card.trace)} packets were larger than a frame")
    if card.check == "judged":
        conformance.compare(t, "virtio_net", card.device.broken)
    if driver == "rust" and card.check == "address":
        address_writes(t, card.trace)
    seen, longest = commands_in(card.trace)
    t.check(not [one for one in seen if one[2]], f"commands were refused: {seen}")
    wanted = {}
    if card.check in ("full", "commands"):
        wanted = {"announcement acknowledged": (3, 0), "address set": (1, 1), "addresses set": (1, 0),
                  "VLAN added": (2, 0), "VLAN removed": (2, 1)}
    if card.check == "full":
        wanted["pairs set"] = (4, 0)
    if card.check == "commands":
        # Two counts and 128 groups; there may be an address of a virtual interface, too.
        t.check(8 + 6 * 120 < longest <= 8 + 6 * 129, f"{longest} bytes of addresses")
        wanted |= {"promiscuous": (0, 0), "all multicast": (0, 1), "all unicast": (0, 2)}
    for what, command in wanted.items():
        t.check((*command, 0) in seen, f"no command: {what}")


def run(t, driver, machine="pc"):
    """One boot."""
    kinds = CARDS["rust" if driver == "rust" else "linux"]
    cards = [Card(name, check=check, words=words, mac=f"52:54:00:77:00:{number:02x}", trace=t.directory / f"{name}.trace")
             for number, (name, (check, words)) in enumerate(kinds.items(), 2)]
    check = ("--check=strict",) if driver == "rust" else ("--check",)
    qemu = [*Emulator.memory()]
    with contextlib.ExitStack() as stack:
        peer, todo = stack.enter_context(Peer()), stack.enter_context(Cells(t, cards))
        for slot, card in enumerate(cards, 3):
            words = ("net", "--mac", card.mac, "--trace", card.trace, *check, *card.words)
            card.device = stack.enter_context(Emulator(t, *words))
            qemu += [*card.device.qemu(card.name, addr=f"{slot:x}"), *card.device.user_net()]
        with t.boot(args=(*devices.BARE, "--machine", machine, "--smp", "2"), qemu=qemu, driver=driver) as g:
            todo.each(in_the_guest, g, peer)
        todo.each(afterwards, driver)
