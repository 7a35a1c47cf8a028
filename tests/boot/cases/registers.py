# SPDX-License-Identifier: GPL-2.0
"""What the drivers say to the registers, from bind to unbind, as QEMU saw it access by access.

QEMU traces every access to BAR0 with offset, width and value, and every write to PCI configuration.
The rules are in harness/conduct.py: reset first, with a read back; STATUS only grows, without
FEATURES_OK; features out of the offer, written once before the queues; QUEUE_SEL before each use;
no queue taken that is in use, QUEUE_PFN never set to 0 on a device in use; vectors read back and set
again after each reset; bus mastering before DRIVER_OK; 16-bit kicks of queues that exist; ISR left
alone with MSI-X; MAC and capacity found at 20 or 24 as MSI-X is off or on; STATUS back at
ACKNOWLEDGE after the unbind. Every access has the width of its register.

Rows: T7 T9 T16 T17 T18 T19 T21 T24 T25 T33 T34 T35 T41 T42 T43 T49 T50 T59 T60 T61 T66 T68 T94 H34 H36
"""

from harness import devices
from harness.conduct import Conduct
from harness.registers import Registers
from harness.trace import EVENTS, accesses

TIMEOUT = 90
VARIANTS = {"perqueue": {"vectors": None}, "shared": {"vectors": 2}, "intx": {"vectors": 0}}
MAC = "52:54:00:a1:b2:c3"
SECTORS = 0x12345
# The card's third queue has no callback.
CONTROL = 2


def run(t, vectors):
    """Binds, uses and unbinds both devices under trace."""
    image = t.disk("disk.img", SECTORS * 512)
    more = {} if vectors is None else {"vectors": vectors}
    qemu = devices.disk("disk", image, ioeventfd=False, num__queues=1, **more)
    qemu += devices.user_net("nic", ioeventfd=False, mac=MAC, **more)
    with t.boot(args=devices.BARE, qemu=qemu, trace=True) as g:
        places = {device: (Registers(g, device), g.pci(device)) for device in ("disk", "nic")}
        drivers = {}
        for device, (_, address) in places.items():
            drivers[device] = g.sh(f"driver_of {address}")
            g.sh(f"unbind {address}")
        for event in EVENTS:
            g.trace(event, True)
        for device, (_, address) in places.items():
            g.sh(f"bind {address} {drivers[device]}")
        g.sh(f"disk_round_trip /dev/$(disk_of {places['disk'][1]}) 1 64k")
        g.sh(f"nic=$(nic_of {places['nic'][1]}); user_net_up $nic; ping -c 2 -W 5 10.0.2.2; ip link set $nic down")
        for _, address in places.values():
            g.sh(f"unbind {address}")
        for event in EVENTS:
            g.trace(event, False)
    config = {
        "disk": SECTORS.to_bytes(8, "little"),
        "nic": bytes.fromhex(MAC.replace(":", "")),
    }
    queues = {"disk": {0}, "nic": {0, 1}}
    for device, (registers, address) in places.items():
        conduct = Conduct(accesses(g.trace_file, registers, address), config[device])
        t.check(not conduct.faults, f"{device}: " + "; ".join(conduct.faults[:3]))
        t.check(conduct.config_reads > 0, f"{device}: the trace shows no read of the configuration")
        t.check(conduct.live_vectors is not None, f"{device}: DRIVER_OK was never set")
        t.check(queues[device] <= conduct.notified, f"{device}: kicked only {conduct.notified}")
        wanted = {None: len(queues[device]) + 1, 2: 2, 0: 0}[vectors]
        t.equal(len(set(conduct.live_vectors.values())), wanted, f"{device}: vectors in use")
        if device == "nic":
            t.check(CONTROL in conduct.notified, "no command was sent")
            t.check(CONTROL not in conduct.live_vectors, "the control queue has a vector")
        t.check(conduct.resets >= 2, f"{device}: {conduct.resets} resets from bind to unbind")
