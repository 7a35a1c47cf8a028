# SPDX-License-Identifier: GPL-2.0
"""Verified load on a disk of a guest, and on a card, while something happens to it or to the whole system."""

FIO = ("fio --name=load --filename=/dev/{disk} --size=4M --rw=randwrite --bs=4k --direct=1 --ioengine=libaio "
       "--iodepth=16 --verify=crc32c --verify_fatal=1 --output=/tmp/fio-{disk}")


def begin(g, disk):
    """Starts the verified load, again and again until it is told to end."""
    g.sh(f"rm -f /tmp/stop-{disk} /tmp/end-{disk}; (while [ ! -e /tmp/stop-{disk} ] && {FIO.format(disk=disk)} >/dev/null 2>&1; do :; done; "
         f"[ -e /tmp/stop-{disk} ]; echo $? >/tmp/end-{disk}) & "
         f"until [ $(awk '{{ print $5 }}' /sys/block/{disk}/stat) -gt 200 ]; do sleep 0.1; done", 60)


def end(t, g, disk, what):
    """Ends it; no round has failed."""
    done = "awk '{ print $1 }' /sys/block/" + disk + "/stat"
    before = int(g.sh(done))
    g.wait(f"[ $({done}) -gt {before + 100} ] || [ -e /tmp/end-{disk} ]", 120, f"the load goes on after {what}")
    g.sh(f"touch /tmp/stop-{disk}")
    g.wait(f"[ -e /tmp/end-{disk} ]", 120, "the load has ended")
    t.equal(g.sh(f"cat /tmp/end-{disk}"), "0", f"whether the load has gone on until the end, with {what}")


def flood(g, nic):
    """Floods QEMU's user network with pings until the interface goes."""
    g.sh(f"user_net_up {nic}; (ping -f -s 1000 10.0.2.2 >/tmp/ping 2>&1) & "
         f"until [ $(cat /sys/class/net/{nic}/statistics/rx_packets) -gt 200 ]; do sleep 0.1; done", 60)


def still_flooded(g, nic, what):
    """The pings go on, and are answered."""
    received = f"cat /sys/class/net/{nic}/statistics/rx_packets"
    before = int(g.sh(received))
    g.wait(f"[ $({received}) -gt {before + 100} ]", 120, f"pings are answered after {what}")
