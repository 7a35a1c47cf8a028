# SPDX-License-Identifier: GPL-2.0
"""Both drivers bind by themselves, name their interrupts, and negotiate what they should.

Boots the way the README says, with qemu-run.sh's own devices. The PCI functions have our drivers,
each queue has a vector of its own with a readable name beside the one for configuration changes,
the I/O ports are claimed, the disk is called rvda with 16 minors, the card has the MAC, the MTU and
the carrier of QEMU's device, and the features in force are read from the device's own registers.

Rows: T4 T8 T25 T26 T27 T56 T62 T86 B2 B6 B9 B49 N5 N15 N16
"""

from harness.registers import ANY_LAYOUT, BLK, EVENT_IDX, INDIRECT_DESC, NET, Registers, check_negotiation

MAC = "52:54:00:12:34:56"


def run(t):
    """One boot with the defaults."""
    with t.boot() as g:
        disk_at, nic_at = g.pci("blk0"), g.pci("nic0")
        disk, nic = g.sh(f"disk_of {disk_at}"), g.sh(f"nic_of {nic_at}")
        if t.rust:
            t.equal(g.sh(f"driver_of {disk_at}; driver_of {nic_at}").split(), ["rvirtio_blk", "rvirtio_net"], "drivers")
            t.equal(disk, "rvda", "the disk's name")
            ports = g.sh("cat /proc/ioports")
            for name in ("rvirtio_blk", "rvirtio_net"):
                t.check(name in ports, f"{name} has no I/O ports")
            t.equal(g.sh("ls /sys/bus/virtio/devices/").split(), [], "devices of Linux's own virtio bus")
        lines = {}
        for address, queues in ((disk_at, ("req",)), (nic_at, ("input", "output"))):
            names = [line.split()[2] for line in g.sh(f"interrupts_of {address}").splitlines()]
            lines[address] = names
            for what in (*queues, "config"):
                found = [name for name in names if f"-{what}" in name]
                t.check(found, f"{address}: no interrupt for {what} among {names}")
        if t.rust:
            for names in lines.values():
                t.check(all(name.startswith("rvirtio") for name in names), f"interrupt names {names}")
            t.check(not set(lines[disk_at]) & set(lines[nic_at]), "both devices use the same interrupt names")
        blk, net = Registers(g, "blk0"), Registers(g, "nic0")
        for registers, name in ((blk, "blk0"), (net, "nic0")):
            check_negotiation(t, registers, name)
            for bit in (INDIRECT_DESC, EVENT_IDX):
                t.check(registers.has(bit), f"{name}: feature bit {bit} is offered and not taken")
        for name in ("SEG_MAX", "BLK_SIZE", "FLUSH"):
            t.check(blk.has(BLK[name]), f"blk0: {name} is offered and not taken")
        for name in ("MAC", "MRG_RXBUF", "STATUS"):
            t.check(net.has(NET[name]), f"nic0: {name} is offered and not taken")
        t.check(net.has(ANY_LAYOUT), "nic0: ANY_LAYOUT is offered and must be taken")

        element = g.qmp.command("x-query-virtio-queue-element", path="/machine/peripheral/nic0/virtio-backend", queue=0)
        flags = [flag for entry in element["descs"] for flag in entry["flags"]]
        t.check("write" in flags and "indirect" not in flags, f"nic0: a receive buffer's descriptors are {element['descs']}")

        t.equal(int(g.sh(f"cat /sys/block/{disk}/size")), (256 << 20) // 512, "sectors")
        major, minor = g.sh(f"cat /sys/block/{disk}/dev").split(":")
        t.equal(int(minor), 0, "first minor")
        t.check(int(major) > 0, "no major number")
        t.equal(g.sh(f"cat /sys/class/net/{nic}/address"), MAC, "MAC address")
        t.equal(g.sh(f"cat /sys/class/net/{nic}/addr_assign_type"), "0", "addr_assign_type (0: the device's own)")
        t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu /sys/class/net/{nic}/carrier").split(), ["1500", "1"], "MTU, carrier")
        info = g.sh(f"ethtool -i {nic}")
        t.check(f"bus-info: {nic_at}" in info, f"ethtool -i: {info!r}")
        if t.rust:
            t.check("driver: rvirtio_net" in info, f"ethtool -i: {info!r}")
