# SPDX-License-Identifier: GPL-2.0
"""A disk and a card are unplugged by QMP under load, and plugged in again, three times.

fio runs at depth 32 on the disk, and a stream of pings and one of TCP on the card, while device_del takes both away.
QEMU must see the guest let go of them, the load must end with errors and not hang, nothing may be
left behind in /proc/interrupts and /proc/ioports, nor of the memory of their rings and buffers; then device_add brings
them back and they work.

Rows: T51 T96 T108 B66 N91
"""

from harness import devices, leaks
from harness.peer import Peer

TIMEOUT = 600
# The buffers of one ring of a card are four times as much.
LIMIT_KB = 256


def unplugged(t, g, peer, at):
    """Takes both away under load."""
    g.sh(f"disk=$(disk_of {at['disk']}); disk_round_trip /dev/$disk 1 64k; "
         f"nic=$(nic_of {at['nic']}); user_net_up $nic; ping -c 1 -W 5 10.0.2.2", 90)
    g.sh(f"disk=$(disk_of {at['disk']}); (fio --name=load --filename=/dev/$disk --rw=randrw --bs=4k --direct=1 "
         "--ioengine=libaio --iodepth=32 --time_based --runtime=60 --output=/tmp/fio; echo $? >/tmp/fio.end) & "
         "rm -f /tmp/fio.end; (ping -f -s 1000 10.0.2.2 >/tmp/ping 2>&1) & echo $! >/tmp/ping.pid; "
         f"(tcp_get {peer.port} 100000000 >/dev/null 2>&1) & rx=/sys/class/net/$(nic_of {at['nic']})/statistics/rx_bytes; old=$(cat $rx); "
         "until [ $(awk '{ print $5 }' /sys/block/$disk/stat) -gt 500 ] && [ $(cat $rx) -gt $((old + 200000)) ]; do sleep 0.1; done", 60)
    for name in at:
        g.qmp.command("device_del", id=name)
    for name in at:
        g.qmp.wait_event("DEVICE_DELETED", 20, device=name)
    g.wait("[ -e /tmp/fio.end ]", 20, "the load on the disk ended")
    t.check(g.sh("cat /tmp/fio.end") != "0", "fio did not notice that its disk went")
    g.sh("kill $(cat /tmp/ping.pid) 2>/dev/null; while pidof ping nc >/dev/null; do kill $(pidof ping nc); sleep 0.1; done; true")
    for address in at.values():
        t.check(g.run(f"[ -e /sys/bus/pci/devices/{address} ]")[0] != 0, f"{address} is still there")
    if t.rust:
        left = g.sh("grep -h rvirtio /proc/interrupts /proc/ioports; true")
        t.equal(left, "", "interrupts and ports left behind")


def plugged(g, at):
    """Brings both back."""
    g.qmp.command("device_add", driver="virtio-blk-pci", id="disk", drive="disk-node", addr="4", disable_modern=True)
    g.qmp.command("device_add", driver="virtio-net-pci", id="nic", netdev="nic-net", addr="3", disable_modern=True)
    g.wait(f"disk_of {at['disk']} >/dev/null && nic_of {at['nic']} >/dev/null", 10, "both devices are back")


def run(t):
    """Three rounds of unplugging, or more where memory seems to be lost."""
    image = t.disk("disk.img", 64 << 20)
    qemu = devices.disk("disk", image, addr=4) + devices.user_net("nic", addr=3)
    t.allow(r"I/O error", "requests to a disk that was taken away")
    t.allow(r"Buffer I/O error", "requests to a disk that was taken away")
    with Peer() as peer, t.boot(args=devices.BARE, qemu=qemu) as g:
        at = {name: g.pci(name) for name in ("disk", "nic")}
        unplugged(t, g, peer, at)

        def again():
            for _ in range(2):
                plugged(g, at)
                unplugged(t, g, peer, at)

        leaks.check(t, g, again, 100, "devices that come and go", 0, LIMIT_KB)
