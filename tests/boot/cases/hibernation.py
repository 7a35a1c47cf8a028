# SPDX-License-Identifier: GPL-2.0
"""The system hibernates to one of our disks while our devices are in use, and a new QEMU goes on from there.

fio writes with checksums and reads back, at depth 16, on a disk with a vector for each queue and on one on the interrupt pin,
a card is flooded with pings, and the sample's entropy device is there.
First there is no room for an image: devices are frozen for it and thawed again, and the load goes on. Then the image is
written through our driver and the machine goes off; the last thing that its devices were told is to reset. In another QEMU, whose
kernel has our devices in use, the image is read through our driver; the system is the one that was, every byte is right,
features and cache mode are as before, the pings go on from the address and the VLAN that the card had been told, and random bytes come.

Rows: T103 T30 T101 B64 N89 N90
"""

from harness import devices, told
from harness.load import begin, end, flood, still_flooded
from harness.registers import Registers

TIMEOUT = 600
LIVE = 7
LOADED = ("data", "pin")
DEVICES = 5
RANDOM = "dd if=/dev/hwrng of=/dev/null bs=4096 count=1 iflag=fullblock"
MAC, VLAN = "52:54:00:77:00:99", 7


def machine(t):
    """The same for both."""
    qemu = devices.disk("swap", t.directory / "swap.img", addr=4)
    qemu += devices.disk("data", t.directory / "data.img", addr=5)
    qemu += devices.disk("pin", t.directory / "pin.img", addr=6, vectors=0) + devices.user_net("card", addr=3)
    qemu += ["-object", "rng-random,id=source,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=source,disable-modern=on"]
    return t.boot(args=[*devices.BARE, "--append", "hibernate=nocompress"], qemu=qemu, trace=True, seconds=150)


def boot_id(g):
    """What each boot of a kernel has of its own."""
    return g.sh("cat /proc/sys/kernel/random/boot_id")


def check_filter(t, g):
    """What the card knows of addresses and VLANs."""
    card = g.qmp.command("query-rx-filter", name="card")[0]
    t.equal((card["main-mac"], VLAN in card["vlan-table"], card["promiscuous"]), (MAC, True, False), "the card's filter")


def no_room(t, g, disks, nic):
    """Hibernation fails when all was stopped already."""
    status, said = g.run("echo disk >/sys/power/state", 60)
    t.check(status != 0, "the system hibernated without room for an image")
    t.check(g.run("dmesg | grep -q 'hibernation: Image created'")[0] == 0, f"no image was made: {said}")
    for name, disk in disks.items():
        end(t, g, disk, f"hibernation that failed, on {name}")
    still_flooded(g, nic, "hibernation that failed")
    g.sh(RANDOM, 60)


def run(t):
    """Two QEMUs."""
    for name, size in (("swap", 768), ("data", 16), ("pin", 16)):
        t.disk(f"{name}.img", size << 20)
    with machine(t) as first:
        swap = first.sh(f"disk_of {first.pci('swap')}")
        disks = {name: first.sh(f"disk_of {first.pci(name)}") for name in LOADED}
        nic = first.sh(f"nic_of {first.pci('card')}")
        features = {name: Registers(first, name).accepted for name in LOADED}
        was = boot_id(first)
        first.sh(f"echo write through >/sys/block/{disks['data']}/cache_type; mkswap /dev/{swap}")
        for disk in disks.values():
            begin(first, disk)
        first.sh(f"modprobe 8021q && ip link set {nic} address {MAC} && ip link set {nic} up && "
                 f"ip link add link {nic} name tagged type vlan id {VLAN} && ip link set tagged up")
        flood(first, nic)
        no_room(t, first, disks, nic)
        check_filter(t, first)
        first.sh(f"swapon /dev/{swap}; echo platform >/sys/power/disk")
        for disk in disks.values():
            begin(first, disk)
        told.watch(first)
        first.start("echo disk >/sys/power/state")
        first.qmp.wait_event("SHUTDOWN", 180)
        first.switches_off(30)
    told.check_end(t, first, DEVICES)

    with machine(t) as second:
        t.check(boot_id(second) != was, "the second QEMU boots another kernel first")
        second.start(f"cat /sys/block/{swap}/dev >/sys/power/resume; echo nothing was resumed; exit 1")
        second.resumes(first)
        status, said = second.result(120)
        t.equal(status, 0, f"status of the hibernation: {said}")
        t.equal(boot_id(second), was, "the boot that goes on")
        for name, disk in disks.items():
            end(t, second, disk, f"the hibernation, on {name}")
            registers = Registers(second, name)
            t.equal(registers.accepted, features[name], f"{name}: features afterwards")
            t.equal(registers.status, LIVE, f"{name}: status afterwards")
        still_flooded(second, nic, "the hibernation")
        second.sh(RANDOM, 60)
        check_filter(t, second)
        t.equal(second.sh(f"cat /sys/block/{disks['data']}/cache_type"), "write through", "cache mode afterwards")
        second.sh(f"swapoff /dev/{swap} && disk_round_trip /dev/{swap} 4 64k", 60)
