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
