# SPDX-License-Identifier: GPL-2.0
"""Packets behind their virtio headers, to and from a card of the emulator: datagrams of UDP that are longer than a frame and
not cut into fragments yet, a guest that takes and forwards them, and complete frames."""

import contextlib
import hashlib
import queue
import socket
import struct
import threading

from .kinds import NEEDS_CSUM, UDP
from .wire import IPV4, OUR_MAC, checksum

IPV6 = 0x86DD
# The kind of such a packet, in its header (VIRTIO 1.3, section 5.1.6).
GSO_UDP = 3
HEADER_BYTES = 10
# Bytes of each fragment behind its headers, by the version of IP.
SIZES = {4: 1480, 6: 1448}


def uncut(version, mac, ends, payload, port):
    """A datagram between two addresses, behind the header of virtio (10 bytes): to be cut, and without its checksum."""
    source, target = (socket.inet_pton(socket.AF_INET if version == 4 else socket.AF_INET6, end) for end in ends)
    length = 8 + len(payload)
    # What is filled in covers the pseudo-header alone.
    pseudo = ~checksum(source + target + struct.pack("!II", length, UDP)) & 0xFFFF
    datagram = struct.pack("!HHHH", port, port, length, pseudo) + payload
    if version == 4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, UDP, 0, source, target)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    else:
        header = struct.pack("!IHBB16s16s", 6 << 28, length, UDP, 64, source, target)
    frame = mac + OUR_MAC + struct.pack("!H", IPV4 if version == 4 else IPV6) + header
    return struct.pack("<BBHHHH", NEEDS_CSUM, GSO_UDP, len(frame) + 8, SIZES[version], len(frame), 6) + frame + datagram


def fragments(version, payload):
    """How many fragments such a datagram is cut into."""
    return -(-(8 + len(payload)) // SIZES[version])


class PacketWire:
    """The far end of a card of the emulator whose packets have their headers: gives and keeps complete frames.

    `end`: what `Emulator.packets` gives.
    """

    def __init__(self, end):
        self._end = end
        self.frames = queue.Queue()
        threading.Thread(target=self._serve, daemon=True).start()

    def send(self, frame):
        """Puts a frame on the wire."""
        self._end.send(bytes(HEADER_BYTES) + frame.ljust(60, b"\0"))

    def _serve(self):
        """Takes the card's frames until the end is closed."""
        with contextlib.suppress(OSError):
            while packet := self._end.recv(1 << 17):
                self.frames.put(packet[HEADER_BYTES:])


class Router:
    """A guest with a card that hands in uncut datagrams, and what is behind it: a namespace with sockets, as the guest has
    them for itself."""

    def __init__(self, t, g, name, end, number):
        self.t, self.g, self.name, self.end = t, g, name, end
        self.nic = g.sh(f"nic_of {g.pci(name)}")
        self.mac = bytes.fromhex(g.sh(f"cat /sys/class/net/{self.nic}/address").replace(":", ""))
        self.port = 5000 + 10 * number
        self.counters = f"cat /sys/class/net/{self.nic}/statistics/rx_packets /sys/class/net/{self.nic}/statistics/rx_bytes"
        self.counted = [0, 0]
        self.nets = {4: f"10.9.{number}.", 6: f"fd09:{number}::"}
        self.behind = {4: f"10.8.{number}.", 6: f"fd08:{number}::"}
        self._set_up()

    def _set_up(self):
        """Addresses on both sides of the guest, and sockets."""
        name, inside = self.name, f"ip netns exec {self.name}"
        lines = [f"modprobe veth; ip netns add {name}; ip link add {name}0 type veth peer name eth0 netns {name}",
                 "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1",
                 f"ip link set {self.nic} up; ip link set {name}0 up; ip -n {name} link set lo up; ip -n {name} link set eth0 up"]
        for ip, dev, nets, last in (("ip", self.nic, self.nets, 2), ("ip", f"{name}0", self.behind, 2),
                                    (f"ip -n {name}", "eth0", self.behind, 3)):
            lines.append(f"{ip} addr add {nets[4]}{last}/24 dev {dev}; {ip} addr add {nets[6]}{last}/64 dev {dev} nodad")
        for behind, enter in ((False, ""), (True, inside)):
            for version in SIZES:
                port = self.port + version
                lines.append(f"{enter} socat -u -b 65536 UDP{version}-RECV:{port} STDOUT >>{self._got(version, behind)} 2>/dev/null & "
                             f"until {enter} ss -H{version}uan | grep -q :{port}; do sleep 0.05; done")
        self.g.sh("\n".join(lines), 60)

    def _got(self, version, behind):
        """The file of what has arrived at a socket."""
        return f"/tmp/{self.name}-{'behind' if behind else 'here'}-{version}"

    def send(self, version, payload, behind=False):
        """One datagram, to a socket of the guest or to one behind it."""
        ends = f"{self.nets[version]}1", f"{self.behind[version]}3" if behind else f"{self.nets[version]}2"
        self.end.send(uncut(version, self.mac, ends, payload, self.port + version))

    def arrives(self, version, payload, behind=False):
        """One datagram arrives whole, and the card has had nothing else since the last one."""
        got, what = self._got(version, behind), f"{self.name}: IPv{version}, {len(payload)} bytes"
        packets, size = self.counted
        self.send(version, payload, behind)
        text = self.g.sh(f"turns=0; until [ $(stat -c %s {got}) -ge {len(payload)} ] || [ $turns -ge 200 ]; do sleep 0.05; "
                         f"turns=$((turns + 1)); done; sha256sum <{got} | cut -d ' ' -f 1; : >{got}; {self.counters}")
        self.t.equal(text.split()[0], hashlib.sha256(payload).hexdigest(), f"{what}: checksum of what arrived")
        self.counted = list(map(int, text.split()[1:]))
        headers = 14 + 8 + (20 if version == 4 else 40)
        self.t.equal(self.counted, [packets + 1, size + headers + len(payload)], f"{what}: packets and bytes")

    def reassembled(self, behind=False):
        """Fragments that have come in, by version of IP."""
        enter = f"ip netns exec {self.name}" if behind else ""
        return list(map(int, self.g.sh(
            f"{enter} awk '$1 == \"Ip:\" && $15 == $15 + 0 {{ print $15 }} $1 == \"Ip6ReasmReqds\" {{ print $2 }}' "
            "/proc/net/snmp /proc/net/snmp6").split()))
