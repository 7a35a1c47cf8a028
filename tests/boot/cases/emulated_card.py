# SPDX-License-Identifier: GPL-2.0
"""A network card of the emulator, on Linux's own driver and on ours: ping, and TCP with checksums.

The card's datagrams go to QEMU's user network, whose TCP stack judges the frames with their checksums.
Linux's driver leaves the checksums to the card and sets it up through the control queue; the emulator must
not say a word about the driver. Ours break no rule of the checker; what Linux's breaks is what
docs/conformance.md records.

Rows: D1 D17 D36
"""

from harness import conformance, devices, exercise
from harness.emulator import Emulator
from harness.peer import Peer

TIMEOUT = 120

VARIANTS = {
    "linux": {"driver": "c"},
    "linux-intx": {"driver": "c", "words": ("--vectors", 0, "--features", "-mrg-rxbuf,-event-idx,-indirect-desc")},
    "rust": {"driver": "rust"},
    "rust-intx": {"driver": "rust", "words": ("--vectors", 0, "--features", "-mrg-rxbuf,-event-idx"), "machine": "q35"},
}


def run(t, driver, words=(), machine="pc"):
    """One boot."""
    args = (*devices.BARE, "--machine", machine)
    check = "--check" if driver == "c" else "--check=strict"
    with Peer() as peer, Emulator(t, "net", "--mac", "52:54:00:77:00:01", check, *words) as device:
        qemu = [*Emulator.memory(), *device.qemu("nic", addr="3"), *device.user_net()]
        with t.boot(args=args, qemu=qemu, driver=driver) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            t.equal(g.sh(f"cat /sys/class/net/{nic}/address"), "52:54:00:77:00:01", "MAC address")
            exercise.card(t, g, nic, peer, 4 << 20)
            errors = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_errors tx_errors rx_length_errors").split()
            t.equal(errors, ["0"] * 3, "errors of the card")
    if driver == "c":
        conformance.compare(t, "virtio_net", device.broken)
