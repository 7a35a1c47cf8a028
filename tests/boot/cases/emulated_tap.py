# SPDX-License-Identifier: GPL-2.0
"""The emulator's card on a tap interface: the host's own TCP/IP stack is the judge, in a namespace of its own.

The host leaves checksums and segmentation to the guest, and the guest to the host, as far as the driver takes
it: of 4 MiB each way, with checksums, most goes in packets far larger than a segment. So with mergeable
buffers and with long ones, on one pair of queues and on two. That needs root.

Rows: D34 D36
"""

import hashlib
import os
import subprocess
import sys

from harness import conformance, devices
from harness.emulator import Emulator
from harness.peer import SERVER

TIMEOUT = 120
BYTES = 4 << 20
# Packets if each was one segment.
SEGMENTS = BYTES // 1448

VARIANTS = {
    "linux": {"driver": "c", "words": ("--queues", 2)},
    "linux-long-buffers": {"driver": "c", "words": ("--features", "-mrg-rxbuf")},
    "linux-segments": {"driver": "c", "words": ("--features", "-guest-tso4,-gso,-host-tso4"), "large": False},
    "rust": {"driver": "rust"},
}


def run(t, driver, words=(), large=True):
    """One boot; the emulator and the server share a namespace that QEMU is not in."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    data = t.directory / "data"
    data.write_bytes(os.urandom(BYTES))
    wanted = hashlib.sha256(data.read_bytes()).hexdigest()
    check = "--check" if driver == "c" else "--check=strict"
    with Emulator(t, "net", "--backend", "tap:tap0", check, *words, own_network=True) as device:
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
            t.equal(server.communicate(timeout=20)[0].strip(), wanted, "what the guest sent")
        finally:
            server.kill()
    received, sent, malformed = device.frames()
    t.equal(malformed, 0, "malformed frames")
    for count, way in ((received, "received"), (sent, "sent")):
        # An acknowledgement can come for every other segment, or for many at once.
        if large:
            t.check(count < SEGMENTS * 3 // 4, f"{count} frames {way}: no large packets")
        elif driver == "c":
            t.check(count > SEGMENTS, f"{count} frames {way}: large packets")
    if driver == "c":
        conformance.compare(t, "virtio_net", device.broken)
