# SPDX-License-Identifier: GPL-2.0
"""Two guests on a bridge, ours and one on Linux's driver, in every combination of offloads: every byte comes back.

Cards of QEMU on two tap interfaces, in a network namespace made for it; that needs root. Neither end of the bridge fills
in a checksum or cuts a packet that the other guest is able to: what one driver leaves open, the other has to take. In each
combination that ethtool sets on either side there are TCP streams and datagrams, whole and in fragments, over IPv4 and
IPv6, sent back by the other guest, so that all goes both ways; each byte is known, as a checksum that nobody fills in
says nothing. On both sides the frames' own headers say who has filled in checksums, and who has cut packets. When the way is
congested and its routers say so, packets that bear the answer (CWR) are left to the card to cut as well, both ways. The card
says that all features of this kind were accepted, those for datagrams included.

Rows: N0 N1 N2 N6 N7 N8 N9 N10 N11 N12 N13 N14 N50 N51 N53 N54 N63
"""

import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness import devices, kinds, programs
from harness.kinds import ECN, NEEDS_CSUM, TCP, TCPV4, TCPV6, UDP
from harness.namespace import Namespace
from harness.registers import Registers

TIMEOUT = 600
PORT = 5000
FLOWS, KILOBYTES = 4, 128
# Bytes of the longest frame of an Ethernet without tags.
FRAME = 1514
CONGESTED_KILOBYTES = 2048
LENGTHS = "1 17 1000 1452 1453 1473 8000 30001 65000"
ALL_ON = "tx on sg on tso on gso on rx-gro-hw on"
ADDRESSES = {4: "10.9.0.3", 6: "fd09::3"}
TYPES = {4: TCPV4, 6: TCPV6}
# The features CSUM, GUEST_CSUM and CTRL_GUEST_OFFLOADS, and GSO to HOST_UFO.
OFFLOADS = 0b0111_1111_1100_0111


@dataclass
class Setting:
    """What is switched off on our side and on the other; whether packets come with open checksums in consequence, and of
    which IP versions they come uncut."""

    ours: str = ""
    other: str = ""
    sent_open: bool = True
    sent_large: tuple = (4, 6)
    received_open: bool = True
    received_large: tuple = (4, 6)


SETTINGS = (
    Setting(),
    Setting("tx-tcp-segmentation off", sent_large=(6,)),
    Setting("tx-tcp6-segmentation off", sent_large=(4,)),
    Setting("tx-tcp-ecn-segmentation off"),
    Setting("tso off", sent_large=()),
    Setting("tx-checksum-ip-generic off", sent_open=False, sent_large=()),
    Setting("sg off", sent_large=()),
    Setting("gso off"),
    Setting("rx-gro-hw off", received_large=()),
    Setting("tx off rx-gro-hw off", sent_open=False, sent_large=(), received_large=()),
    Setting("", "tso off", received_large=()),
    Setting("", "tx off", received_open=False, received_large=()),
    Setting("", "rx-gro-hw off", sent_large=()),
    Setting("tx off", "tx off", False, (), False, ()),
)


def boot(t, stack):
    """Both guests: ours, and the other one."""
    space = stack.enter_context(Namespace("10.9.0.1/24", taps=2))
    folder = programs.overlay(t, "net/flows.c", "net/headers.c")
    guests = []
    for number, driver in enumerate((t.driver, "c")):
        mac = f"52:54:00:99:01:0{number}"
        qemu = space.netdev("wire", tap=number) + devices.net("nic", "wire", mac=mac, romfile="")
        guests.append(t.boot(args=(*devices.BARE, "--overlay", folder), qemu=qemu, driver=driver, enter=space.enter))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda guest: guest.__enter__(), guests))
    for guest in guests:
        stack.push(guest)
    for number, guest in enumerate(guests, 2):
        nic = guest.sh(f"nic_of {guest.pci('nic')}")
        guest.sh(f"modprobe sch_netem; sysctl -qw net.ipv6.conf.{nic}.accept_dad=0 net.ipv6.conf.{nic}.router_solicitations=0; "
                 f"ip link set {nic} up; ip addr add 10.9.0.{number}/24 dev {nic}; ip addr add fd09::{number}/64 dev {nic} nodad; "
                 f"ethtool -K {nic} gro off")
        guest.nic = nic
    guests[1].sh(f"/rvtest/flows serve {PORT} >/tmp/serve 2>&1 & true")
    return guests


def run(t):
    """One boot of each."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    with contextlib.ExitStack() as stack:
        ours, other = boot(t, stack)
        if t.rust:
            t.equal(Registers(ours, "nic").accepted & OFFLOADS, OFFLOADS, "features that were accepted, as bits")
        for address in ADDRESSES.values():
            ours.sh(f"ping -c 1 -W 10 {address}", 20)
        for setting in SETTINGS:
            one(t, ours, other, setting)
        congested(t, ours, other)
        ours.sh(f"ethtool -K {ours.nic} gro on")
        transfers(t, ours)
        for guest in (ours, other):
            bad = guest.sh("""awk 'NR == FNR && /^(Tcp|Udp):/ { if (!($1 in names)) names[$1] = $0
                else { n = split(names[$1], name); for (i = 2; i <= n; i++) if (name[i] == "InCsumErrors") bad += $i } }
                NR != FNR && /InCsumErrors/ { bad += $2 } END { print bad + 0 }' /proc/net/snmp /proc/net/snmp6""")
            t.equal(bad, "0", f"bad checksums that the guest on {guest.driver} has counted")
            errors = guest.sh(f"cd /sys/class/net/{guest.nic}/statistics; cat rx_errors tx_errors rx_frame_errors tx_dropped")
            t.equal(errors.split(), ["0"] * 4, f"errors of the card of the guest on {guest.driver}")


def transfers(t, g):
    """Streams and datagrams, there and back."""
    def words(version):
        return (f"/rvtest/flows streams {ADDRESSES[version]} {PORT} {FLOWS} {KILOBYTES} 0 && "
                f"/rvtest/flows datagrams {ADDRESSES[version]} {PORT} {LENGTHS}")

    said = g.sh(f"({words(6)}) >/tmp/six 2>&1 & six=$!; {words(4)}; status=$?; wait $six || status=$?; cat /tmp/six; exit $status", 150)
    again = [int(number) for number in re.findall(r"(\d+) sent again", said)]
    t.check(len(again) == len(ADDRESSES) and sum(again) <= 2, f"nothing is lost on the way: {said}")


def on_each(function, sides):
    """Does it for both sides at once."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda side: function(*side), sides))


def one(t, ours, other, setting):
    """One setting of both sides."""
    sides = ((ours, setting.ours), (other, setting.other))
    def switch(guest, words, then):
        return f"ethtool -K {guest.nic} {then}" if words else ":"

    on_each(lambda guest, words: kinds.watch(guest, guest.nic, switch(guest, words, words)), sides)
    transfers(t, ours)
    mine, theirs = on_each(lambda guest, words: kinds.seen(guest, switch(guest, words, ALL_ON)), sides)
    what = f"{setting.ours or 'all on'} here, {setting.other or 'all on'} there"
    for version in TYPES:
        check(t, f"{what}, sent by IPv{version}", mine, theirs, version, setting.sent_open, version in setting.sent_large)
        check(t, f"{what}, received by IPv{version}", theirs, mine, version, setting.received_open, version in setting.received_large)


def check(t, what, sender, receiver, version, left_open, large):
    """What the sender's driver was given, and what the receiver's has handed up."""
    for way, seen in (("out", sender), ("in", receiver)):
        for protocol in (TCP, UDP):
            total = kinds.some(seen, way=way, version=version, protocol=protocol)
            without = kinds.some(seen, way=way, version=version, protocol=protocol, flag=NEEDS_CSUM)
            t.check(total > 0, f"{what}: no packets {way} of protocol {protocol}")
            t.equal(without > 0, left_open, f"{what}: whether packets {way} of protocol {protocol} had open checksums ({without} of {total})")
    longest = max(kind.longest for kind in receiver if (kind.way, kind.version, kind.gso) == ("in", version, 0))
    t.check(longest <= FRAME, f"{what}: a packet of {longest} bytes that nobody is to cut")
    uncut = kinds.some(receiver, way="in", version=version, protocol=TCP, kind=TYPES[version])
    t.equal(uncut > 0, large, f"{what}: whether packets came uncut ({uncut} did, of {receiver})")


def congested(t, ours, other):
    """Marks on the way each way: both answer by packets with CWR, which the cards are to cut."""
    for guest in (ours, other):
        guest.sh(f"sysctl -qw net.ipv4.tcp_ecn=1; tc qdisc replace dev {guest.nic} root netem limit 10000 loss 3% ecn")
        kinds.watch(guest, guest.nic)
    for version, address in ADDRESSES.items():
        ours.sh(f"/rvtest/flows streams {address} {PORT} {FLOWS} {CONGESTED_KILOBYTES} 0", 150)
    mine, theirs = kinds.seen(ours), kinds.seen(other)
    for version, gso in TYPES.items():
        for way, seen in (("sent", theirs), ("received", mine)):
            marked = kinds.some(seen, way="in", version=version, kind=gso | ECN)
            t.check(marked > 0, f"no packet with CWR was left to be cut, {way} by IPv{version}: {seen}")
    for guest in (ours, other):
        guest.sh(f"tc qdisc del dev {guest.nic} root")
