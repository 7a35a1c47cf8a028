# SPDX-License-Identifier: GPL-2.0
"""The host's end of a TCP connection through QEMU's user network: takes or gives bytes and their checksum."""

import hashlib
import os
import socket
import threading


# A server as a program, in a network namespace of its own: sends a file to the first client, then takes one from the
# second and says its checksum. Its arguments are the address and the file.
SERVER = """
import hashlib, socket, sys
server = socket.create_server((sys.argv[1], 5000))
server.settimeout(120)
data = open(sys.argv[2], "rb").read()
with server.accept()[0] as client:
    client.sendall(data)
sum = hashlib.sha256()
with server.accept()[0] as client:
    while part := client.recv(65536):
        sum.update(part)
print(sum.hexdigest(), flush=True)
"""


# Services as a program, in a network namespace of its own, on all of its addresses until a line comes on its input: TCP
# port 5000 sends a file to whoever connects, 5001 answers all that comes with its checksum, UDP port 5002 sends back
# what it gets. In the end it prints how many segments and datagrams with bad checksums its host has seen. Its
# argument is the file.
SERVICES = """
import hashlib, socket, sys, threading
data = open(sys.argv[1], "rb").read()
def source(client):
    client.sendall(data)
def sink(client):
    sum = hashlib.sha256()
    while part := client.recv(65536):
        sum.update(part)
    client.sendall(sum.hexdigest().encode() + b"\\n")
def accept(port, serve):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        client, _ = server.accept()
        def answer(client=client):
            try:
                with client:
                    serve(client)
            except OSError:
                pass
        threading.Thread(target=answer, daemon=True).start()
def echo():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        end.bind(("::", 5002))
        while True:
            end.sendto(*end.recvfrom(65536))
for target, words in (accept, (5000, source)), (accept, (5001, sink)), (echo, ()):
    threading.Thread(target=target, args=words, daemon=True).start()
sys.stdin.readline()
bad = 0
lines = [line.split() for line in open("/proc/net/snmp")]
for names, values in zip(lines[::2], lines[1::2]):
    bad += sum(int(value) for name, value in zip(names, values) if name == "InCsumErrors")
bad += sum(int(value) for name, value in map(str.split, open("/proc/net/snmp6")) if name.endswith("InCsumErrors"))
print("bad checksums:", bad, flush=True)
"""


class Peer:
    """Listens on loopback, or on a socket that is given. `PUT n` takes n bytes and answers their SHA-256; `GET n` gives n bytes."""

    def __init__(self, server=None):
        self._server = server or socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.received = []
        self.sent = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.close()
        return False

    def _serve(self):
        """Serves each connection in a thread of its own."""
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        """Serves one request."""
        with connection:
            try:
                stream = connection.makefile("rwb")
                verb, length = stream.readline().split()
                if verb == b"PUT":
                    self._take(stream, int(length))
                else:
                    self._give(stream, int(length))
                stream.flush()
                # Closing goes the guest's way: a socket that is closed here is forgotten by the host after a minute,
                # and QEMU's user network then drops what a guest that is slow has not taken yet.
                connection.shutdown(socket.SHUT_WR)
                stream.read()
            except (OSError, ValueError):
                return

    def _take(self, stream, left):
        """Takes exactly `left` bytes."""
        digest = hashlib.sha256()
        while left:
            data = stream.read(min(left, 1 << 16))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        self.received.append(digest.hexdigest())
        stream.write(digest.hexdigest().encode() + b"\n")

    def _give(self, stream, left):
        """Gives `left` random bytes."""
        digest = hashlib.sha256()
        while left:
            data = os.urandom(min(left, 1 << 16))
            digest.update(data)
            stream.write(data)
            left -= len(data)
        self.sent.append(digest.hexdigest())
