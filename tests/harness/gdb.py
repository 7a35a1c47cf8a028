# SPDX-License-Identifier: GPL-2.0
"""Writes a guest's memory behind its back, through QEMU's GDB server: for what no device can bring about."""

import socket


class Memory:
    """`with Memory(guest) as memory`: the kernel's memory by virtual address. The guest is stopped meanwhile."""

    def __init__(self, guest):
        self._guest = guest
        self._socket = None

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._monitor(f"gdbserver tcp:127.0.0.1:{port}")
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        return self

    def _monitor(self, line):
        self._guest.qmp.command("human-monitor-command", command_line=line)

    def _ask(self, text):
        """Sends a packet and returns the answer to it."""
        check = sum(text.encode()) & 0xff
        self._socket.sendall(f"${text}#{check:02x}".encode())
        got = b""
        while b"#" not in got or len(got) - got.index(b"#") < 3:
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("QEMU's GDB server has gone")
            got += data
        self._socket.sendall(b"+")
        return got[got.index(b"$") + 1:got.index(b"#")].decode()

    def write(self, address, data):
        """Writes bytes."""
        answer = self._ask(f"M{address:x},{len(data):x}:{data.hex()}")
        if answer != "OK":
            raise OSError(f"cannot write {len(data)} bytes at {address:#x}: {answer}")

    def read(self, address, count):
        """Reads bytes."""
        return bytes.fromhex(self._ask(f"m{address:x},{count:x}"))

    def __exit__(self, *_exc):
        self._ask("D")
        self._socket.close()
        self._monitor("gdbserver none")
        return False
