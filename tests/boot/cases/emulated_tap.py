# SPDX-License-Identifier: GPL-2.0
"""The emulator's card on a tap interface: the host's own TCP/IP stack is the judge, in a namespace of its own.

The host leaves checksums and segmentation to the guest, and the guest to the host, as far as the driver takes
it: of 4 MiB each way, with checksums, most goes in packets far larger than a segment. So with mergeable
buffers and with long ones, on one pair of queues and on two. Of our driver the trace has the headers that say so, and the
commands that switch large packets off and on; and each packet's header has the size that it is to have, in a buffer of its own
without ANY_LAYOUT. That needs root.

Rows: D34 D36 N2 N7 N11 N32 N36 N47 N63
"""

import hashlib
import os
import subprocess
import sys

from harness import conformance, devices
from harness.emulator import Emulator, events
from harness.peer import SERVER

TIMEOUT = 120
BYTES = 4 << 20
# Packets if each was one segment.
SEGMENTS = BYTES // 1448
NEEDS_CSUM, TCPV4 = 1, 1
# Ethernet, IP, TCP.
HEADERS = 14 + 20 + 20
SET_OFFLOADS = (5, 0)
TRANSMIT = 1

VARIANTS = {
    "linux": {"driver": "c", "words": ("--queues", 2)},
    "linux-long-buffers": {"driver": "c", "words": ("--features", "-mrg-rxbuf")},
    "linux-segments": {"driver": "c", "words": ("--features", "-guest-tso4,-gso,-host-tso4"), "large": False},
    "rust": {"driver": "rust"},
    "rust-long-buffers": {"driver": "rust", "words": ("--features", "-mrg-rxbuf")},
    "rust-segments": {"driver": "rust", "words": ("--features", "-guest-tso4,-gso,-host-tso4,-guest-tso6,-guest-ufo,-any-layout"),
                      "large": False},
}


def check_headers(t, trace, large):
    """What the headers of a trace say, both ways."""
    headers = events(trace, "header")
    for sent in (True, False):
        mine = [header for header in headers if header["sent"] == sent]
        way = "sent" if sent else "received"
        t.check(any(header["flags"] & NEEDS_CSUM for header in mine), f"no checksum was left in a packet {way}")
        cut = [header for header in mine if header["gso_type"]]
        t.check(bool(cut) == large, f"{len(cut)} packets {way} are to be cut")
        for header in cut:
            t.equal([header[name] for name in ("flags", "gso_type", "csum_start", "csum_offset")], [NEEDS_CSUM, TCPV4, 34, 16],
                    f"fields of {header}")
            if sent:
                t.check(HEADERS <= header["hdr_len"] <= HEADERS + 40, f"headers of {header}")
                t.check(header["gso_size"] <= 1460 and header["bytes"] > header["hdr_len"] + header["gso_size"], f"sizes of {header}")
    commands = [event for event in events(trace, "command") if (event["class"], event["command"]) == SET_OFFLOADS]
    t.equal([command["answer"] for command in commands], [0, 0] if large else [], "answers to commands about offloads")


def check_framing(t, trace, features):
    """How many bytes the header of each packet has that was sent, and that it has a buffer of its own where it must have one."""
    wanted = 10 if "-mrg-rxbuf" in features else 12
    chains = [event["pieces"] for event in events(trace, "chain") if event["queue"] == TRANSMIT]
    headers = [header for header in events(trace, "header") if header["queue"] == TRANSMIT]
    t.check(len(chains) > 10, f"{len(chains)} packets were sent")
    for pieces, header in zip(chains, headers, strict=True):
        t.equal(sum(piece["len"] for piece in pieces) - header["bytes"], wanted, f"bytes of the header of {header}, in {pieces}")
        if "-any-layout" in features:
            t.equal(pieces[0]["len"], wanted, f"bytes of the first buffer of {pieces}")


def run(t, driver, words=(), large=True):
    """One boot; the emulator and the server share a namespace that QEMU is not in."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    data = t.directory / "data"
    data.write_bytes(os.urandom(BYTES))
    wanted = hashlib.sha256(data.read_bytes()).hexdigest()
    trace = t.directory / "trace"
    check = ("--check",) if driver == "c" else ("--check=strict", "--trace", trace)
    with Emulator(t, "net", "--backend", "tap:tap0", *check, *words, own_network=True) as device:
        steps = "ip link set lo up; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up"
        subprocess.run(device.in_namespace("sh", "-ec", steps), check=True, timeout=10)
        server = subprocess.Popen(device.in_namespace(sys.executable, "-c", SERVER, "10.9.0.1", str(data)),
                                  stdout=subprocess.PIPE, text=True)
        try:
            qemu = [*Emulator.memory(), *device.qemu("nic", addr="3")]
            with t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu, driver=driver) as g:
                nic = g.sh(f"nic_of {g.pci('nic')}")
                if "--queues" in words:
                    g.sh(f"ethtool -L {nic} combined 2")
                g.sh(f"ip addr add 10.9.0.2/24 dev {nic}; ip link set {nic} up; ping -c 1 -W 5 10.9.0.1")
                t.equal(g.sh("nc 10.9.0.1 5000 </dev/null >/tmp/data; sha256sum </tmp/data", 40).split()[0], wanted,
                        "what the guest received")
                g.sh("socat -b 65536 -u /tmp/data TCP:10.9.0.1:5000", 40)
                bad = g.sh("""awk '$1 == "Tcp:" { if (!n) n = split($0, name); else for (i = 2; i <= n; i++)
                    if (name[i] == "InCsumErrors") print $i }' /proc/net/snmp""")
                t.equal(bad, "0", "bad checksums in the guest")
                if driver == "rust" and large:
                    g.sh(f"ethtool -K {nic} rx-gro-hw off && ethtool -K {nic} rx-gro-hw on && ping -c 2 -W 5 10.9.0.1")
            t.equal(server.communicate(timeout=20)[0].strip(), wanted, "what the guest sent")
        finally:
            server.kill()
    received, sent, malformed = device.frames()
    t.equal(malformed, 0, "malformed frames")
    for count, way in ((received, "received"), (sent, "sent")):
        # An acknowledgement can come for every other segment, or for many at once.
        if large:
            t.check(count < SEGMENTS * 3 // 4, f"{count} frames {way}: no large packets")
        else:
            t.check(count > SEGMENTS, f"{count} frames {way}: large packets")
    if driver == "rust":
        check_headers(t, trace, large)
        check_framing(t, trace, words[-1] if words else "")
    else:
        conformance.compare(t, "virtio_net", device.broken)
