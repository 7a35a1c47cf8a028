# SPDX-License-Identifier: GPL-2.0
"""Our modules and Linux's C drivers side by side in one guest, each on its own disk and card.

Linux's virtio-pci owns everything first; driver_override gives two functions to our modules. Both
disks round-trip data at the same time, both cards reach the host. Then ours are unbound, the
override is taken away, and Linux's drivers take the devices back and use them.

Rows: T1 T6 T21 T108
"""

from harness import devices
from harness.registers import ACKNOWLEDGE, Registers


def run(t):
    """Two disks and two cards."""
    qemu = devices.disk("ours", t.disk("ours.img", 64 << 20), addr=4)
    qemu += devices.user_net("ournic", addr=3)
    qemu += devices.disk("linux", t.disk("linux.img", 64 << 20), addr=5)
    qemu += devices.user_net("linuxnic", addr=6)
    driver = "override:03.0,04.0" if t.rust else "c"
    with t.boot(args=devices.BARE, qemu=qemu, driver=driver) as g:
        at = {name: g.pci(name) for name in ("ours", "ournic", "linux", "linuxnic")}
        drivers = {name: g.sh(f"driver_of {address}") for name, address in at.items()}
        t.equal((drivers["linux"], drivers["linuxnic"]), ("virtio-pci", "virtio-pci"), "Linux's own drivers")
        if t.rust:
            t.equal((drivers["ours"], drivers["ournic"]), ("rvirtio_blk", "rvirtio_net"), "our drivers")
        disks = [g.sh(f"disk_of {at[name]}") for name in ("ours", "linux")]
        g.sh("for disk in " + " ".join(disks) + "; do fio --name=$disk --filename=/dev/$disk --size=4M --rw=randwrite "
             "--bsrange=512-64k --direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 "
             "--output=/tmp/fio.$disk || touch /tmp/failed & done; wait; [ ! -e /tmp/failed ]", 60)
        for name in ("ournic", "linuxnic"):
            g.sh(f"nic=$(nic_of {at[name]}); user_net_up $nic; ping -c 2 -i 0.2 -W 5 -I $nic 10.0.2.2; "
                 "status=$?; ip addr flush dev $nic; ip link set $nic down; exit $status")
        for name in ("ours", "ournic"):
            g.sh(f"unbind {at[name]}")
            t.equal(Registers(g, name).status, ACKNOWLEDGE, f"{name}: STATUS after the unbind")
            g.sh(f"echo >/sys/bus/pci/devices/{at[name]}/driver_override; echo {at[name]} >/sys/bus/pci/drivers_probe")
            t.equal(g.sh(f"driver_of {at[name]}"), "virtio-pci", f"{name}: who has it after us")
        g.sh(f"disk_round_trip /dev/$(disk_of {at['ours']}) 4 64k")
        g.sh(f"nic=$(nic_of {at['ournic']}); user_net_up $nic; ping -c 2 -i 0.2 -W 5 10.0.2.2")
