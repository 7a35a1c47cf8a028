# SPDX-License-Identifier: GPL-2.0
"""The card's counters are exact: as many frames and bytes as the wire has carried, each way.

Also over down and up, and frames that arrive while the interface is down are not lost to a sleeping
driver: the next open takes them or starts clean, and traffic goes on. The kernel's packet generator, which sends one packet
many times, gets it onto the wire as it is each time.

Rows: N28 N29 N39 N43 N79
"""

import queue

from harness import devices, pktgen
from harness.wire import OUR_MAC, Wire

# What pktgen writes in front of its data.
MAGIC = b"\xbe\x9b\xe9\x55"

def run(t):
    """One card on a wire."""
    with Wire() as wire:
        qemu = wire.netdev("wire") + devices.net("nic", "wire")
        with t.boot(args=devices.BARE, qemu=qemu) as g:
            nic = g.sh(f"nic_of {g.pci('nic')}")
            g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6; ip link set {nic} up; "
                 f"ip addr add 10.9.0.2/24 dev {nic}; ping -c 1 -W 5 10.9.0.1")
            mac = bytes.fromhex(g.sh(f"cat /sys/class/net/{nic}/address").replace(":", ""))

            def counters():
                names = "rx_packets rx_bytes tx_packets tx_bytes rx_errors tx_errors tx_dropped"
                return [int(v) for v in g.sh(f"cd /sys/class/net/{nic}/statistics; cat {names}").split()]

            start = counters(), (wire.our_frames, wire.our_bytes, wire.guest_frames, wire.guest_bytes)
            g.sh("for size in 18 100 1000 1472; do ping -c 5 -i 0.02 -W 5 -s $size 10.9.0.1 || exit 1; done")
            for length in range(18, 1472, 97):
                wire.send(wire.udp(mac, b"\0" * length))
            wanted = wire.our_frames - start[1][0]
            g.wait(f"[ $(cat /sys/class/net/{nic}/statistics/rx_packets) -ge {start[0][0] + wanted} ]", 5)
            end = counters(), (wire.our_frames, wire.our_bytes, wire.guest_frames, wire.guest_bytes)
            got = [new - old for new, old in zip(end[0], start[0])]
            seen = [new - old for new, old in zip(end[1], start[1])]
            t.equal(got[:4], seen, "packets and bytes received, packets and bytes sent")
            t.equal(got[4:], [0, 0, 0], "errors and drops")
            shown = g.sh(f"ip -s link show {nic}").split()
            t.check(str(end[0][1]) in shown, "ip -s does not show the bytes received")

            for size, fragments in ((60, 0), (900, 0), (900, 3)):
                generated(t, g, wire, nic, mac, size, fragments)

            for _ in range(20):
                g.sh(f"ip link set {nic} down")
                for _ in range(3):
                    wire.send(wire.udp(mac, b"late"))
                g.sh(f"ip link set {nic} up; ping -c 1 -W 5 10.9.0.1")
            g.sh("ping -c 20 -i 0.02 -W 5 -s 1472 10.9.0.1")
            t.check(not wire.bad, f"the wire saw {wire.bad[:1]}")


def generated(t, g, wire, nic, mac, size, fragments, count=160):
    """Each of `count` packets, sent eight times in a row each, is on the wire as it was made."""
    while not wire.frames.empty():
        wire.frames.get()
    g.sh(pktgen.prepare(nic, count=count, pkt_size=size, frags=fragments, burst=8, dst="10.9.0.1", dst_mac=OUR_MAC.hex(":")), 60)
    g.sh(f"echo start >{pktgen.CONTROL}; echo rem_device_all >/proc/net/pktgen/kpktgend_0", 60)
    start = OUR_MAC + mac + b"\x08\0\x45"
    wrong = []
    for number in range(count):
        try:
            frame = wire.frames.get(timeout=20)
        except queue.Empty:
            t.check(False, f"{number} of {count} packets of {size} bytes in {fragments} fragments are on the wire")
        if frame[:15] != start or len(frame) != size or frame[42:46] != MAGIC:
            wrong.append(frame)
    t.check(not wrong, f"{len(wrong)} of {count} packets of {size} bytes in {fragments} fragments are wrong: {wrong[:1]}")
