# SPDX-License-Identifier: GPL-2.0
"""The far end of an Ethernet cable: QEMU's stream back end gives us every frame of the guest's card."""

import queue
import socket
import struct
import threading

OUR_MAC = bytes.fromhex("020000000001")
OUR_IP = bytes((10, 9, 0, 1))
ARP, IPV4 = 0x0806, 0x0800
ICMP, ECHO_REQUEST = 1, 8


def checksum(data):
    """The Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """Answers ARP and pings as 10.9.0.1, counts and keeps what else the guest sends.

    `server`: a socket that listens where QEMU is, if that is in a network namespace.
    """

    def __init__(self, server=None):
        self._server = server or socket.create_server(("127.0.0.1", 0))
        self._connection = None
        self._sending = threading.Lock()
        self.frames = queue.Queue()
        self.echoes = []
        self.bad = []
        self.guest_frames = 0
        self.guest_bytes = 0
        self.our_frames = 0
        self.our_bytes = 0
        self.answer = True
        self.connected = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in (self._connection, self._server):
            if end is not None:
                end.close()
        return False

    def netdev(self, name):
        """QEMU's argument for a back end on this wire."""
        port = self._server.getsockname()[1]
        return ["-netdev", f"stream,id={name},server=off,addr.type=inet,addr.host=127.0.0.1,addr.port={port}"]

    def send(self, frame):
        """Puts a frame on the wire; frames below the minimum of Ethernet are padded."""
        frame = frame.ljust(60, b"\0")
        with self._sending:
            self._connection.sendall(struct.pack("!I", len(frame)) + frame)
            self.our_frames += 1
            self.our_bytes += len(frame)

    def _read(self, length):
        """Exactly `length` bytes from QEMU."""
        data = bytearray()
        while len(data) < length:
            more = self._connection.recv(length - len(data))
            if not more:
                raise ConnectionError
            data += more
        return bytes(data)

    def _serve(self):
        """Takes the guest's frames until QEMU goes."""
        try:
            self._connection, _ = self._server.accept()
            self.connected.set()
            while True:
                frame = self._read(struct.unpack("!I", self._read(4))[0])
                self.guest_frames += 1
                self.guest_bytes += len(frame)
                if not self.answer or not self._answered(frame):
                    self.frames.put(frame)
        except OSError:
            return

    def _answered(self, frame):
        """Answers an ARP request or a ping to us."""
        if len(frame) < 34:
            return False
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == ARP and frame[20:22] == b"\0\1" and frame[38:42] == OUR_IP:
            self.send(frame[6:12] + OUR_MAC + frame[12:20] + b"\0\2" + OUR_MAC + OUR_IP + frame[22:32])
            return True
        if kind != IPV4 or frame[30:34] != OUR_IP or frame[23] != ICMP:
            return False
        header = 14 + (frame[14] & 15) * 4
        length = struct.unpack_from("!H", frame, 16)[0]
        message = frame[header:14 + length]
        if message[0] != ECHO_REQUEST:
            return False
        if checksum(message):
            self.bad.append(f"a ping of {len(message)} bytes with a wrong checksum")
            return True
        self.echoes.append(len(message) - 8)
        reply = b"\0\0\0\0" + message[4:]
        reply = b"\0\0" + struct.pack("!H", checksum(reply)) + message[4:]
        address = frame[14:26] + OUR_IP + frame[26:30]
        self.send(frame[6:12] + OUR_MAC + frame[12:14] + address + reply)
        return True

    def udp(self, mac, payload, port=9, address=bytes((10, 9, 0, 2))):
        """A UDP datagram to the guest, at 10.9.0.2 if nothing else is said."""
        body = struct.pack("!HHHH", 9, port, 8 + len(payload), 0) + payload
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0, OUR_IP, address)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        return mac + OUR_MAC + struct.pack("!H", IPV4) + header + body
