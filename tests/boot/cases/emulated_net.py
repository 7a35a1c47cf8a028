# SPDX-License-Identifier: GPL-2.0
"""What drivers do with a card of the emulator beyond frames: pairs of queues, segmentation, commands, the link.

TCP with checksums goes over two pairs of queues to QEMU's user network, which takes no large packets: the
emulator cuts what the driver leaves to it. The link goes down and comes back, the driver announces itself when
it is asked to, adds and removes a VLAN, takes another address and the MTU; without MAC or STATUS it does without.
Ours sets modes and addresses, too, and is judged strictly, with the simple framing as with any layout.

Rows: T38 D25 D34 N0 N11 N50 N56 N17 N18 N19 N20 N21 N23 N57 N58 N59 N60 N62 N64 N69
"""

from harness import devices, exercise
from harness.emulator import Emulator, events
from harness.peer import Peer

TIMEOUT = 120
AMOUNT = 2 << 20
MAC = "52:54:00:77:00:02"
# More than our driver puts in a table.
GROUPS = 140

VARIANTS = {
    "full": {"check": "full"},
    "intx": {"check": "full", "words": ("--vectors", 0)},
    "no-mac": {"check": "address", "words": ("--features", "-mac")},
    "no-mac-command": {"check": "address", "words": ("--features", "-ctrl-mac-addr")},
    "no-status": {"check": "transfer", "words": ("--features", "-status")},
    "no-control": {"check": "transfer", "words": ("--features", "-ctrl-vq")},
    "rust": {"check": "commands", "driver": "rust"},
    "rust-plain": {"check": "commands", "words": ("--vectors", 0, "--features", "-mac,-any-layout"), "driver": "rust"},
    "rust-no-control": {"check": "address", "words": ("--features", "-ctrl-vq"), "driver": "rust"},
}


def full(t, g, nic, device):
    """All that can change at run time."""
    def carrier(state):
        g.wait(f"[ \"$(cat /sys/class/net/{nic}/carrier)\" = {int(state)} ]", 5, f"carrier is {int(state)}")

    t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu"), "1500", "MTU")
    t.check("tcp-segmentation-offload: on" in g.sh(f"ethtool -k {nic}"), "no segmentation offload")
    g.sh(f"ethtool -L {nic} combined 2")
    for _ in range(3):
        device.toggle_link()
        carrier(False)
        t.check(g.run("ping -c 1 -W 1 10.0.2.2")[0] != 0, "a ping got through without a link")
        device.toggle_link()
        carrier(True)
        # What was asked for in vain without the link may still be given up.
        g.wait("ping -c 1 -W 1 10.0.2.2", 20, "an answer over the link")
    device.look_again()
    tagged(g, nic)
    address(t, g, nic, device)


def address(_t, g, nic, _device):
    """Frames arrive at an address that the driver has chosen."""
    g.sh(f"ip link set {nic} address 52:54:00:77:00:99; ping -c 2 -i 0.2 -W 5 10.0.2.2")


def commands(t, g, nic, device):
    """Whatever a driver can ask of a card at run time; our driver's tables end where modes take over."""
    def group(number):
        return f"33:33:00:00:01:{number:02x}"

    for mode in ("promisc", "allmulticast"):
        g.sh(f"ip link set {nic} {mode} on; ip link set {nic} {mode} off")
    g.sh(f"modprobe macvlan; ip link add link {nic} name second type macvlan mode bridge; ip link set second up")
    g.sh("ip link del second")
    g.sh("\n".join(f"ip maddr add {group(number)} dev {nic}" for number in range(GROUPS)))
    g.sh("\n".join(f"ip maddr del {group(number)} dev {nic}" for number in range(GROUPS)))
    tagged(g, nic)
    device.look_again()
    address(t, g, nic, device)
    # The card keeps asking until it was obeyed, and the driver looks when the interface is opened.
    g.sh(f"ip link set {nic} down")
    device.look_again()
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2")


def tagged(g, nic):
    """A VLAN comes and goes."""
    g.sh(f"modprobe 8021q; ip link add link {nic} name tagged type vlan id 7 && ip link set tagged up && ip link del tagged")


def transfer(_t, _g, _nic, _device):
    """Nothing more."""


def address_writes(t, path):
    """A device without a command for the address gets its bytes from the first to the last, which it may act on."""
    writes = [(event["config"], len(event["data"]) // 2) for event in events(path, "register")
              if event["write"] and event["config"] is not None and event["config"] < 6]
    t.check(writes and writes == [(at, 1) for at in range(6)] * (len(writes) // 6), f"writes of the address: {writes}")


def large(path):
    """How many of the packets that the driver gave the card were larger than a frame can be."""
    sizes = (sum(piece["len"] for piece in chain["pieces"] if not piece["writable"]) for chain in events(path, "chain"))
    return sum(size > 2000 for size in sizes)


def commands_in(path):
    """Class, number and answer of each command of a trace, and the most bytes of a table of addresses."""
    given = events(path, "command")
    seen = {(e["class"], e["command"], e["answer"]) for e in given}
    return seen, max((e["bytes"] for e in given if (e["class"], e["command"]) == (1, 0)), default=0)


def run(t, check, words=(), driver="c"):
    """One boot."""
    trace = t.directory / "trace"
    more = ("--mac", MAC, "--queues", 2, "--mtu", 1500, "--trace", trace)
    rust = driver == "rust"
    checked = ("--check=strict",) if rust else ()
    with Peer() as peer, Emulator(t, "net", *more, *checked, *words) as device:
        qemu = [*Emulator.memory(), *device.qemu("nic", addr="3"), *device.user_net()]
        with t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu, driver=driver) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            exercise.card(t, g, nic, peer, AMOUNT)
            checks = {"full": full, "commands": commands, "address": address, "transfer": transfer}
            checks[check](t, g, nic, device)
            errors = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_errors tx_errors rx_length_errors").split()
            t.equal(errors, ["0"] * 3, "errors of the card")
    t.equal(device.frames()[2], 0, "malformed frames")
    t.check(large(trace) > AMOUNT // 65536 // 2, f"{large(trace)} packets were larger than a frame")
    if rust and check == "address":
        address_writes(t, trace)
    seen, longest = commands_in(trace)
    t.check(not [one for one in seen if one[2]], f"commands were refused: {seen}")
    wanted = {}
    if check in ("full", "commands"):
        wanted = {"announcement acknowledged": (3, 0), "address set": (1, 1), "addresses set": (1, 0),
                  "VLAN added": (2, 0), "VLAN removed": (2, 1)}
    if check == "full":
        wanted["pairs set"] = (4, 0)
    if check == "commands":
        # Two counts and 128 groups; there may be an address of a virtual interface, too.
        t.check(8 + 6 * 120 < longest <= 8 + 6 * 129, f"{longest} bytes of addresses")
        wanted |= {"promiscuous": (0, 0), "all multicast": (0, 1), "all unicast": (0, 2)}
    for what, command in wanted.items():
        t.check((*command, 0) in seen, f"no command: {what}")
