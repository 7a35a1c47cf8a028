# SPDX-License-Identifier: GPL-2.0
"""What the kernel says of queues through generic netlink; the guest's socat carries the messages."""

import base64
import struct

CTRL_FAMILY, CTRL_GETFAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2
REQUEST, DUMP, DONE, ERROR = 1, 0x300, 3, 2

PAGE_POOL_GET, PAGE_POOL_STATS_GET, QUEUE_GET, NAPI_GET, QSTATS_GET = 5, 9, 10, 11, 12
IFINDEX = {QUEUE_GET: 2, NAPI_GET: 1, QSTATS_GET: 1}
RX, TX = 0, 1
# Attributes of answers.
QUEUE_ID, QUEUE_TYPE, QUEUE_NAPI = 1, 3, 4
NAPI_IFINDEX, NAPI_ID = 1, 2
POOL_ID, POOL_IFINDEX, POOL_NAPI = 1, 2, 3
STATS_INFO, STATS_ALLOC_FAST, STATS_ALLOC_SLOW = 1, 8, 9
QSTATS_TYPE, QSTATS_QUEUE, QSTATS_SCOPE = 2, 3, 4
QSTATS_RX_PACKETS, QSTATS_RX_BYTES, QSTATS_TX_PACKETS, QSTATS_TX_BYTES = 8, 9, 10, 11
QSTATS_TX_STOP, QSTATS_TX_WAKE = 31, 32


def _attribute(kind, value):
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data):
    """The attributes that `data` consists of, by kind; numbers as numbers."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        value = data[4:length]
        number = len(value) in (2, 4, 8) and not kind & 0x8000
        found[kind & 0x3fff] = int.from_bytes(value, "little") if number else value
        data = data[(length + 3) & ~3:]
    return found


def _ask(g, family, command, flags, payload):
    """The answers to a request, the attributes of each."""
    message = struct.pack("IHHII", 20 + len(payload), family, REQUEST | flags, 1, 0) + bytes((command, 1, 0, 0)) + payload
    text = base64.b64encode(message).decode()
    # AF_NETLINK, SOCK_RAW, NETLINK_GENERIC; to the kernel's own address.
    there = "SOCKET-DATAGRAM:16:3:16:x0000" + "00" * 8
    data = base64.b64decode(g.sh(f"echo {text} | base64 -d | socat -b 65536 -t 1 - {there} | base64 -w 0"))
    answers = []
    while data:
        length, kind = struct.unpack_from("IH", data)
        if kind == ERROR:
            raise OSError(-struct.unpack_from("i", data, 16)[0], f"netlink command {command}")
        if kind != DONE:
            answers.append(attributes(data[20:length]))
        data = data[(length + 3) & ~3:]
    return answers


class NetdevFamily:
    """The family of messages about network devices, of one interface."""

    def __init__(self, g, nic):
        self._guest = g
        self._index = int(g.sh(f"cat /sys/class/net/{nic}/ifindex"))
        self._family = _ask(g, CTRL_FAMILY, CTRL_GETFAMILY, 0, _attribute(FAMILY_NAME, b"netdev\0"))[0][FAMILY_ID]

    def dump(self, command, **more):
        """All answers to a command about the interface; `scope=1` has statistics of each queue."""
        payload = _attribute(IFINDEX[command], struct.pack("I", self._index))
        if "scope" in more:
            # As wide as the family has it.
            payload += _attribute(QSTATS_SCOPE, struct.pack("Q", more["scope"]))
        return _ask(self._guest, self._family, command, DUMP, payload)

    def pools(self):
        """The interface's page pools: attributes by id."""
        pools = _ask(self._guest, self._family, PAGE_POOL_GET, DUMP, b"")
        return {pool[POOL_ID]: pool for pool in pools if pool.get(POOL_IFINDEX) == self._index}

    def pool_stats(self):
        """The statistics of all page pools, by id."""
        stats = _ask(self._guest, self._family, PAGE_POOL_STATS_GET, DUMP, b"")
        return {attributes(one[STATS_INFO])[POOL_ID]: one for one in stats}
