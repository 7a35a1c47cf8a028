# SPDX-License-Identifier: GPL-2.0
"""Checksums and segmentation in every combination that ethtool can set, on cards with all kinds of receive buffers.

Four cards of QEMU on tap interfaces, whose host leaves everything to the guest and takes everything from it: mergeable
and long buffers, with any layout and without, and without indirect tables. With all offloads, and on two of the cards
without each of them in turn: TCP both ways and datagrams over IPv4 and IPv6, compared with what was sent; and the mean length of a
packet by the card's counters, which shows who has cut it. A tunnel leaves its inner checksums to nobody.
The module's parameters decide what is on from the start.

Rows: N0 N1 N2 N6 N7 N8 N9 N10 N11 N12 N13 N14 N34 N36 N50 N51 N53 N54 N55 N56 N63 N96
"""

import hashlib
import os
import shlex
import subprocess
import sys

from harness import devices
from harness.case import LOGS, ROOT
from harness.guest import GUEST_LIB, RUN
from harness.peer import SERVICES

TIMEOUT = 600
BYTES = 256 << 10
# A mean packet of more bytes than this was not cut before it was handed over; frames have 1514 at most.
LARGE, FRAME = 2500, 1514

CARDS = {
    "merge": {},
    "longstrict": {"mrg_rxbuf": False, "any_layout": False, "indirect_desc": False},
    "mergestrict": {"any_layout": False},
    "long": {"mrg_rxbuf": False},
}
# Those that every setting is tried on; the others have all offloads.
EVERY = ("merge", "longstrict")

# What is switched off, and whether packets are large then, sent and received.
SETTINGS = {
    "": (True, True),
    "tso off": (False, True),
    "rx-gro-hw off": (True, False),
    "tx off": (False, True),
    "sg off gro off": (False, True),
    "gso off rx-gro-hw off tso off": (False, False),
}

FEATURES = {"tx-checksum-ip-generic": "on", "tx-tcp-segmentation": "on", "tx-tcp-ecn-segmentation": "on",
            "tx-tcp6-segmentation": "on", "tx-gso-robust": "on [fixed]", "rx-checksumming": "on [fixed]", "rx-gro-hw": "on"}

GUEST = """
. /rvtest/lib.sh
count() { cat "/sys/class/net/$nic/statistics/$1"; }
# mean WAY COMMAND: bytes per packet that the card has sent or received during the command.
mean() {
    way=$1; shift
    packets=$(count "${way}_packets"); bytes=$(count "${way}_bytes")
    "$@" || exit 1
    echo $((($(count "${way}_bytes") - bytes) / ($(count "${way}_packets") - packets)))
}
get() { socat -u "$1" STDOUT </dev/null >/tmp/got; }
put() { socat -b 65536 -t 20 STDIO "$1" </tmp/data >/tmp/answer; }
echoed() {
    for size in 1 1001 4000; do
        for _ in 1 2 3 4 5; do
            exec 3<>"/dev/udp/$1/5002"
            head -c $size /tmp/data >&3
            timeout 2 head -c $size <&3 >/tmp/echo && head -c $size /tmp/data | cmp -s - /tmp/echo && continue 2
        done
        return 1
    done
}
# One setting of one card: what is off.
try() {
    for address in "$v4" "$v6"; do
        case $address in *:*) host=TCP6:[$address] ;; *) host=TCP4:$address ;; esac
        received=$(mean rx get "$host:5000")
        sum=$(sha256sum </tmp/got | cut -d ' ' -f 1)
        sent=$(mean tx put "$host:5001")
        echoed "$address" && datagrams=ok || datagrams=lost
        echo "traffic|$card|$1|$address|$sent|$received|$sum|$(cat /tmp/answer)|$datagrams"
    done
}
features() { ethtool -k "$nic" | sed -n "s/^[[:space:]]*\(.*: .*\)/features|$1|\\1/p"; }
dd if=/dev/urandom of=/tmp/data bs=1k count=AMOUNT 2>/dev/null
echo "data|$(sha256sum </tmp/data | cut -d ' ' -f 1)"
number=0
for card in NAMES; do
    nic=$(nic_of "$(basename "$(grep -l "$(printf '52:54:00:99:00:%02x' $number)" /sys/bus/pci/devices/*/net/*/address |
        sed 's,/net/.*,,')")")
    v4=10.9.$number.1 v6=fd09:$number::1
    echo "$nic" >/tmp/nic-$number
    sysctl -qw "net.ipv6.conf.$nic.accept_dad=0"
    ip link set "$nic" up
    ip addr add 10.9.$number.2/24 dev "$nic"
    ip addr add fd09:$number::2/64 dev "$nic" nodad
    ping -c 1 -W 5 $v4 >/dev/null
    features "$card"
    while read -r off; do
        case " EVERY " in *" $card "*) ;; *) [ -z "$off" ] || continue ;; esac
        # shellcheck disable=SC2086 # words
        [ -z "$off" ] || ethtool -K "$nic" $off >/dev/null || exit 1
        try "$off"
        [ -z "$off" ] || ethtool -K "$nic" tx on sg on tso on gso on gro on rx-gro-hw on >/dev/null || exit 1
    done <<SETTINGS
LINES
SETTINGS
    features "$card again"
    number=$((number + 1))
done
nic=$(cat /tmp/nic-0)
modprobe -a 8021q vxlan
ip link add link "$nic" name tagged type vlan id 5
nic=tagged; features tagged
ip link add tunnel type vxlan id 7 remote 10.9.0.1 dstport 4789 dev "$(cat /tmp/nic-0)"
ip link set tunnel up
ip addr add 10.9.90.2/24 dev tunnel
sysctl -qw net.ipv6.conf.tunnel.accept_dad=0
ip addr add fd09:90::2/64 dev tunnel nodad
nic=$(cat /tmp/nic-0) card=tunnel v4=10.9.90.1 v6=fd09:90::1
try ""
awk '$1 == "Tcp:" || $1 == "Udp:" { if (!($1 in names)) names[$1] = $0; else { n = split(names[$1], name); for (i = 2; i <= n; i++)
    if (name[i] == "InCsumErrors") bad += $i } } END { print "bad|" bad + 0 }' /proc/net/snmp
for words in gso=0 csum=0 "csum=N gso=y"; do
    # shellcheck disable=SC2086 # words
    rmmod rvirtio_net && modprobe rvirtio_net $words || exit 1
    nic=$(nic_of "$(basename "$(grep -l 52:54:00:99:00:00 /sys/bus/pci/devices/*/net/*/address | sed 's,/net/.*,,')")")
    features "$words"
done
ip -s -s link show >&2
"""


def script():
    """What the guest runs."""
    lines = "\n".join(SETTINGS)
    return (GUEST.replace("AMOUNT", str(BYTES >> 10)).replace("NAMES", " ".join(CARDS)).replace("LINES", lines)
            .replace("EVERY", " ".join(EVERY)))


def qemu():
    """The cards' arguments."""
    words = []
    for number, (name, properties) in enumerate(CARDS.items()):
        words += ["-netdev", f"tap,id={name}-net,ifname=tap{number},script=no,downscript=no,vnet_hdr=on"]
        words += devices.net(name, f"{name}-net", mac=f"52:54:00:99:00:{number:02x}", romfile="", **properties)
    return words


def namespace():
    """Commands that make the host's side."""
    steps = ["ip link set lo up"]
    for number in range(len(CARDS)):
        steps += [f"ip tuntap add dev tap{number} mode tap vnet_hdr", f"ip addr add 10.9.{number}.1/24 dev tap{number}",
                  f"ip addr add fd09:{number}::1/64 dev tap{number} nodad", f"ip link set tap{number} up"]
    steps += ["ip link add tunnel type vxlan id 7 remote 10.9.0.2 dstport 4789 dev tap0", "ip link set tunnel up",
              "ip addr add 10.9.90.1/24 dev tunnel", "ip addr add fd09:90::1/64 dev tunnel nodad"]
    return "; ".join(steps)


def check(t, lines, wanted):
    """What the guest's script has printed; `wanted` is the checksum of what it was to receive."""
    rows = [line.split("|") for line in lines]
    own = [row[1] for row in rows if row[0] == "data"]
    traffic = [row[1:] for row in rows if row[0] == "traffic"]
    transfers = sum(len(SETTINGS) if card in EVERY else 1 for card in CARDS) + 1
    t.equal(len(traffic), 2 * transfers, "transfers, over IPv4 and IPv6")
    for card, off, address, sent, received, got, answer, datagrams in traffic:
        what = f"{card}, {off or 'nothing off'}, {address}"
        t.equal((got, [answer], datagrams), (wanted, own, "ok"), f"{what}: checksums of what arrived, datagrams")
        if card == "tunnel":
            continue
        for way, mean, large in zip(("sent", "received"), (int(sent), int(received)), SETTINGS[off]):
            t.check(mean > LARGE if large else mean <= FRAME, f"{what}: a packet {way} had {mean} bytes in the mean")
    t.equal([row[1] for row in rows if row[0] == "bad"], ["0"], "bad checksums that the guest has counted")
    return {(row[1], row[2].split(": ")[0]): row[2].split(": ")[1] for row in rows if row[0] == "features"}


def boot(t, data):
    """One boot in a namespace with a tap interface for each card; gives what was printed there."""
    overlay = t.directory / "overlay"
    (overlay / "rvtest").mkdir(parents=True)
    (overlay / "rvtest" / "offloads").write_text(script())
    words = (RUN, "--name", "offloads", "--driver", t.driver, *devices.BARE, "--overlay", GUEST_LIB, "--overlay", overlay,
             "--exec", "bash /rvtest/offloads", "--timeout", TIMEOUT, "--", *qemu())
    quoted, end = " ".join(shlex.quote(str(word)) for word in words), t.directory / "end"
    shell = f"""
        scripts/in-root sh -ec {shlex.quote(namespace())} && mkfifo {end} || exit
        {shlex.quote(sys.executable)} -c {shlex.quote(SERVICES)} {data} <{end} & server=$!
        exec 9>{end}
        {quoted}
        status=$?
        echo >&9; wait $server
        exit $status
    """
    t.logs.append(LOGS / "offloads.log")
    done = subprocess.run(["unshare", "--net", "--", "sh", "-c", shell], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=t.remaining(), check=False)
    t.equal(done.returncode, 0, f"exit status ({(done.stdout + done.stderr).strip()[-300:]})")
    bad = t.judge(t.logs[0].read_text(errors="replace"))
    t.check(not bad, f"the guest's log says: {bad}")
    return done.stdout.splitlines()


def run(t):
    """One boot."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    data = t.directory / "data"
    data.write_bytes(os.urandom(BYTES))
    lines = boot(t, data)
    t.equal(lines[-1], "bad checksums: 0", "what the host has counted")
    shown = check(t, lines, hashlib.sha256(data.read_bytes()).hexdigest())
    for card in [*CARDS, *(f"{card} again" for card in CARDS)]:
        t.equal({name: shown.get((card, name)) for name in FEATURES}, FEATURES, f"{card}: features")
    started = ("tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation")
    for words, on in ("tagged", (True, True, True)), ("gso=0", (True, False, False)), ("csum=0", (False, False, False)), (
            "csum=N gso=y", (False, False, False)):
        t.equal([shown.get((words, name)) for name in started], ["on" if one else "off" for one in on], f"{words}: features")
