# SPDX-License-Identifier: GPL-2.0
"""Drivers are taken off their devices, and modules out of the kernel, while I/O runs.

Four times, fio at depth 32 and a flood of pings with a TCP stream are running when the disk and the
card lose their drivers: the load gets errors, at once, and nothing hangs; an open file of the disk
says so after the disk is gone. Then both come back and work, every other time by rmmod and insmod.

Rows: T51 T96 T108 B66 N39 N91
"""

from harness import devices
from harness.peer import Peer

TIMEOUT = 240
ROUNDS = 4


def run(t):
    """The rounds."""
    qemu = devices.disk("disk", t.disk("disk.img", 64 << 20)) + devices.user_net("nic")
    t.allow(r"I/O error, dev \w+, sector \d+ op", "requests to a disk that lost its driver")
    t.allow(r"Buffer I/O error", "requests to a disk that lost its driver")
    with Peer() as peer, t.boot(args=devices.BARE, qemu=qemu) as g:
        disk_at, nic_at = g.pci("disk"), g.pci("nic")
        drivers = g.sh(f"driver_of {disk_at}; driver_of {nic_at}").split()
        before = g.sh("resources")
        for number in range(ROUNDS):
            g.sh(f"disk=$(disk_of {disk_at}); nic=$(nic_of {nic_at}); user_net_up $nic; rm -f /tmp/fio.end; "
                 "(fio --name=load --filename=/dev/$disk --rw=randrw --bs=4k --direct=1 --ioengine=libaio --iodepth=32 "
                 "--time_based --runtime=60 --output=/tmp/fio; echo $? >/tmp/fio.end) & "
                 "(ping -f -s 1000 10.0.2.2 >/dev/null 2>&1) & echo $! >/tmp/ping.pid; "
                 f"(tcp_get {peer.port} 100000000 >/dev/null 2>&1) & echo $! >/tmp/tcp.pid; "
                 "rx=/sys/class/net/$nic/statistics/rx_bytes; old=$(cat $rx); "
                 "until [ $(awk '{ print $5 }' /sys/block/$disk/stat) -gt 300 ] && [ $(cat $rx) -gt $((old + 200000)) ]; "
                 "do sleep 0.05; done", 40)
            g.sh(f"exec 9</dev/$(disk_of {disk_at}); unbind {disk_at}; "
                 "dd if=/proc/self/fd/9 of=/dev/null bs=4k count=1 2>/dev/null && exit 1; true", 20)
            if number % 2 and t.rust:
                g.sh("rmmod rvirtio_net", 20)
            else:
                g.sh(f"unbind {nic_at}", 20)
            g.wait("[ -e /tmp/fio.end ]", 20, "the load on the disk ended")
            t.check(g.sh("cat /tmp/fio.end") != "0", "fio did not notice that its disk went")
            g.sh("kill $(cat /tmp/ping.pid) $(cat /tmp/tcp.pid) 2>/dev/null; "
                 "while pidof ping nc fio >/dev/null; do kill $(pidof ping nc fio); sleep 0.1; done; true")
            if number % 2 and t.rust:
                g.sh("rmmod rvirtio_blk && modprobe rvirtio_blk && modprobe rvirtio_net", 20)
            else:
                g.sh(f"bind {disk_at} {drivers[0]} && bind {nic_at} {drivers[1]}", 20)
            g.sh(f"disk_round_trip /dev/$(disk_of {disk_at}) 1 64k && user_net_up $(nic_of {nic_at}) && "
                 "ping -c 1 -W 5 10.0.2.2", 20)
        t.equal(g.sh("resources"), before, "ports, interrupts and devices after the rounds")
