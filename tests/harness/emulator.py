# SPDX-License-Identifier: GPL-2.0
"""The emulator under a guest: one process with one device or several, served until the guest is done."""

import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .cargo import cargo
from .case import BUILD, LOGS, ROOT, Failure

TARGET = BUILD / "emulator"

# What `--check` says: of each rule that was broken there is one line of a table, with the rule's id and level.
VERDICT = re.compile(r"\bcheck: ")
BROKEN = re.compile(r"\bcheck: ([A-Z]\d\d) +(?:MUST|SHOULD) ")


def program(t):
    """The program, built if it is not up to date."""
    log = LOGS / f"{t.case.file_name}-build.log"
    if cargo(ROOT / "emulator", TARGET, log, "build") != 0:
        raise Failure(f"the emulator does not build: {log}")
    return TARGET / "debug" / "emulator"


def look_at_trace(t, path, *words):
    """What `emulator trace` prints of the trace in `path`."""
    command = [ROOT / "scripts" / "in-root", program(t), "trace", path, *map(str, words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    t.equal((done.returncode, done.stderr), (0, ""), f"exit status and messages of emulator trace {path.name}")
    return done.stdout


def events(path, kind):
    """The events of one kind in a trace."""
    with open(path, encoding="ascii") as lines:
        return [event for event in map(json.loads, lines) if event["event"] == kind]


class Emulator:
    """`with Emulator(t, "blk", "--disk", path) as device`: runs it; `device.qemu(...)` attaches it to a guest.

    `Emulator.several(t, {"disk": ("blk", ...), "nic": ("net", ...)})` serves several devices; each is attached
    under its name. A network card's wire ends in the emulator's own folder; `user_net()` is what goes there.
    """

    # QEMU's hubs have numbers, which no two cards of a guest may share.
    _hubs = itertools.count()

    @staticmethod
    def memory(size="1G"):
        """QEMU's arguments for guest memory that another process can map.

        The firmware leaves devices alone that it does not boot from: what is judged is the guest's driver.
        """
        return ["-object", f"memory-backend-memfd,id=shared,size={size},share=on", "-machine", "memory-backend=shared",
                "-boot", "strict=on"]

    def __init__(self, t, *words, own_network=False):
        """`own_network`: in a network namespace made for it, which needs root."""
        self._tolerant = False
        self._prepare(t, {None: words})
        if own_network:
            self._enter = ["unshare", "--net", "--"]

    @classmethod
    def several(cls, t, devices, tolerant=False):
        """Serves the devices: name and words of each. `tolerant`: whatever it says of its drivers."""
        new = cls.__new__(cls)
        new._tolerant = tolerant
        new._prepare(t, devices)
        return new

    def _prepare(self, t, devices):
        self._test = t
        self._enter = []
        self._devices = {name: [str(word) for word in words] for name, words in devices.items()}
        # Short, whatever the repository's path: a socket's name has 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="rvirtio-"))
        self._process = None
        self.said = ""

    def _socket(self, name):
        """Where a device listens; the only one has no name."""
        return self._folder / ((name if name in self._devices else None) or "device")

    def _wire(self, name):
        return self._socket(name).with_suffix(".wire")

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop(signal.SIGKILL)
            raise
        return self

    def _start(self):
        config = self._folder / "devices"
        lines = []
        for name, words in self._devices.items():
            line = [*words, "--socket", self._socket(name)]
            if words[0] == "net" and "--backend" not in words:
                line += ["--backend", f"dgram:{self._wire(name)}"]
            elif line[-4:-2] == ["--backend", "vnet"]:
                line[-3] = f"vnet:{self._wire(name)}"
            lines.append(" ".join(f'"{word}"' for word in line) + "\n")
        config.write_text("".join(lines))
        command = [*self._enter, ROOT / "scripts" / "in-root", program(self._test), "--config", config]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + 20
        while not all(self._socket(name).exists() for name in self._devices):
            if self._process.poll() is not None or time.monotonic() > end:
                raise Failure(f"the emulator does not start: {self._stop(signal.SIGKILL)}")
            time.sleep(0.02)

    def qemu(self, name, **properties):
        """QEMU's arguments for the device under the id `name`."""
        device = {"driver": "vfio-user-pci", "id": name,
                  "socket": {"type": "unix", "path": str(self._socket(name))}, **properties}
        return ["-device", json.dumps(device)]

    def user_net(self, name=None, more=""):
        """QEMU's arguments that put its user network at the other end of a card's wire; `more` are options of it."""
        wire, number = self._wire(name), next(self._hubs)
        return ["-netdev", f"dgram,id=wire{number},local.type=unix,local.path={wire}.peer,"
                f"remote.type=unix,remote.path={wire}",
                "-netdev", f"user,id=user{number}{more}",
                "-netdev", f"hubport,id=hub{number}a,hubid={number},netdev=wire{number}",
                "-netdev", f"hubport,id=hub{number}b,hubid={number},netdev=user{number}"]

    def packets(self, name=None):
        """The other end of the wire of a card whose words end in "--backend", "vnet": a socket for packets, each behind its
        header of 10 bytes."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind(f"{self._wire(name)}.peer")
        end.connect(str(self._wire(name)))
        return end

    @property
    def broken(self):
        """The ids of the rules that the drivers broke, by `--check`; known when it has ended."""
        return sorted({match[1] for match in map(BROKEN.search, self.said.splitlines()) if match})

    @property
    def pid(self):
        """The process that serves."""
        return self._process.pid

    def look_again(self):
        """The disk has a new size; the card is to be announced."""
        self._process.send_signal(signal.SIGHUP)

    def toggle_link(self):
        """Takes the card's link down, or up again."""
        self._process.send_signal(signal.SIGUSR1)

    def in_namespace(self, *command):
        """A command that runs in the emulator's own network namespace."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *command]

    def frames(self):
        """How many frames the card has received and sent, and how many were malformed; known when it has ended."""
        found = re.search(r"(\d+) frames received, (\d+) sent;.* (\d+) malformed", self.said)
        return [int(number) for number in found.groups()]

    def _stop(self, how):
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            self.said, _ = self._process.communicate(timeout=20)
        shutil.rmtree(self._folder, ignore_errors=True)
        return self.said.strip()

    def end(self):
        """Ends it, and judges how it ended and what it said."""
        lines = self._stop(signal.SIGTERM).splitlines()
        status, self._process = self._process.returncode, None
        # Of each device where it listens, and what it did: anything more is a complaint.
        others = [line for line in lines if not VERDICT.search(line)]
        broken = [line for line in lines if BROKEN.search(line)]
        self._test.equal(status, 0, f"exit status of the emulator, which said {broken or others}")
        self._test.equal(len(others), 2 * len(self._devices), f"lines of the emulator, which said {others}")

    def __exit__(self, kind, _value, _trace):
        if self._process is not None and kind is None and not self._tolerant:
            self.end()
        else:
            self._stop(signal.SIGTERM)
        return False
