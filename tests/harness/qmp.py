# SPDX-License-Identifier: GPL-2.0
"""A small QMP client over a socket that QEMU has connected to us."""

import json
import time


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """Sends commands and keeps the events that arrive in between."""

    def __init__(self, connection):
        self._connection = connection
        self._buffer = b""
        self.events = []
        self._message(10)
        self.command("qmp_capabilities")

    def _message(self, seconds):
        """The next message from QEMU."""
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            self._connection.settimeout(max(0.01, end - time.monotonic()))
            data = self._connection.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed its QMP connection")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, /, seconds=20, **arguments):
        """Runs one command and returns its result."""
        message = {"execute": name}
        if arguments:
            message["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self._connection.sendall(json.dumps(message).encode() + b"\n")
        while True:
            reply = self._message(seconds)
            if "return" in reply:
                return reply["return"]
            if "error" in reply:
                raise QmpError(f"{name}: {reply['error']['desc']}")
            self.events.append(reply)

    def wait_event(self, name, seconds=20, **data):
        """Waits for an event with these data and returns it."""
        end = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event.get("event") == name and data.items() <= event.get("data", {}).items():
                    self.events.remove(event)
                    return event
            self.events.append(self._message(max(0.01, end - time.monotonic())))
