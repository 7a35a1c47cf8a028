# SPDX-License-Identifier: GPL-2.0
"""Devices of our own emulator for the run command, instead of QEMU's: one process serves all of a guest's."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from . import machine, steps
from .steps import BUILD, Fail, IN_ROOT, LOGS, REPO

TARGET = BUILD / "emulator"
PROGRAM = TARGET / "debug" / "emulator"
PROFILES = ("qemu", "bhyve", "kvmtool", "propolis")
MAC = "52:54:00:12:34:56"

# Features of QEMU's devices that are not features of the interface.
_QEMU_ALONE = {"GSO", "RSS"}


def build():
    """Builds the program when a source has changed; cargo knows."""
    with steps.locked("emulator"):
        fresh = not PROGRAM.exists()
        with steps.step("emulator", "about 30 s from nothing") if fresh else contextlib.nullcontext():
            steps.run("building the emulator", [IN_ROOT, "cargo", "build", "--offline", "--manifest-path",
                                                str(REPO / "emulator" / "Cargo.toml"), "--target-dir", str(TARGET)],
                      "emulator.log")


class Devices:
    """`with Devices(options) as devices`: serves a disk each and a card while QEMU runs."""

    def __init__(self, options, folder=None):
        """`folder` is where its sockets are to be; without, in one of its own, which goes with them."""
        self._options = options
        self._log = LOGS / f"{options.name}.emulator.log"
        self._process = None
        self._traces = []
        # Short, whatever the repository's path: a socket's name has 107 bytes at most.
        self._own = None if folder else tempfile.mkdtemp(prefix="rvirtio-")
        self._folder = folder or pathlib.Path(self._own)
        try:
            self._config = self._folder / "devices"
            self._config.write_text("".join(" ".join(f'"{word}"' for word in line) + "\n" for line in self._lines()))
        except BaseException:
            self._remove()
            raise

    @property
    def command(self):
        """The emulator's command line."""
        return [IN_ROOT, *self._binds(), str(PROGRAM), "--config", str(self._config)]

    def _binds(self):
        return [word for disk in self._options.disks for word in ("--bind", str(disk.path))
                if str(disk.path).startswith(("/usr/", "/var/", "/etc/", "/boot/"))]

    def _lines(self):
        options = self._options
        lines = []
        if options.net != "none":
            backend = f"dgram:{self._folder / 'wire'}" if options.net == "user" else options.net
            lines.append(["net", *self._common("nic0", {**machine.COMMON_FEATURES, **machine.NET_FEATURES}),
                          "--backend", backend, "--mac", MAC,
                          *(["--pcap", str(options.trace / "nic0.pcap")] if options.trace else [])])
        for number, disk in enumerate(options.disks):
            if machine.disk_format(disk.path) != "raw":
                raise Fail(f"--device emulator: {disk.path} is no raw image")
            if '"' in str(disk.path) or "\n" in str(disk.path):
                raise Fail(f"--device emulator: a quotation mark in the name {disk.path}")
            lines.append(["blk", *self._common(f"blk{number}", {**machine.COMMON_FEATURES, **machine.BLOCK_FEATURES}),
                          "--disk", str(disk.path), "--serial", f"rvirtio-{number}",
                          *([] if disk.writable else ["--read-only"]),
                          *(["--queues", str(options.queues)] if options.queues else [])])
        return lines

    def _common(self, name, known):
        """The options that every device has; features as far as this kind knows them."""
        options = self._options
        words = ["--socket", str(self._folder / name), "--profile", options.profile]
        if options.vectors is not None:
            words += ["--vectors", str(options.vectors)]
        if options.check:
            words += ["--check"]
        if options.trace:
            words += ["--trace", str(options.trace / f"{name}.jsonl")]
            self._traces.append(name)
        features = []
        for sign, feature in machine.feature_words(options.features):
            if feature in _QEMU_ALONE:
                raise Fail(f"--features {sign}{feature}: the emulator cannot switch that")
            if feature in known:
                features.append(sign + feature.removeprefix("RING_"))
        return words + (["--features", ",".join(features)] if features else [])

    def qemu(self):
        """QEMU's arguments: memory that another process can map, and a client for each device.

        The firmware leaves devices alone that it does not boot from: what is judged is the guest's driver.
        """
        options = self._options
        argv = ["-object", f"memory-backend-memfd,id=shared,size={options.memory},share=on",
                "-machine", "memory-backend=shared", "-boot", "strict=on"]
        if options.net == "user":
            wire = self._folder / "wire"
            argv += ["-netdev", f"dgram,id=wire,local.type=unix,local.path={wire}.peer,remote.type=unix,remote.path={wire}",
                     "-netdev", "user,id=user", "-netdev", "hubport,id=hub0,hubid=0,netdev=wire",
                     "-netdev", "hubport,id=hub1,hubid=0,netdev=user"]
        if options.net != "none":
            argv += self._client("nic0", machine.NET_SLOT)
        for number in range(len(options.disks)):
            argv += self._client(f"blk{number}", machine.FIRST_DISK_SLOT + number)
        return argv

    def _client(self, name, slot):
        return ["-device", json.dumps({"driver": "vfio-user-pci", "id": name, "addr": f"{slot:x}",
                                       "socket": {"type": "unix", "path": str(self._folder / name)}})]

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        try:
            if self._options.trace:
                self._options.trace.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Fail(f"--trace: {error}") from None
        wanted = len(self._config.read_text().splitlines())
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 30
        while self._log.read_text(errors="replace").count(" listens at ") < wanted:
            if self._process.poll() is not None or time.monotonic() > end:
                said = self._log.read_text(errors="replace").splitlines()
                raise Fail(said[-1] if said else "the emulator does not start")
            time.sleep(0.02)

    def __exit__(self, *_):
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                steps.say(f"qemu-run: the emulator did not end: {self._log}")
            self._show_verdicts()
            self._draw()
        self._remove()
        return False

    def _show_verdicts(self):
        """What was said of the drivers."""
        for line in self._log.read_text(errors="replace").splitlines():
            if self._options.check and re.match(r"emulator: \w+: check", line):
                steps.say(line)

    def _draw(self):
        """A picture of each trace."""
        for name in self._traces:
            trace = self._options.trace / f"{name}.jsonl"
            picture = trace.with_suffix(".svg")
            if subprocess.run([IN_ROOT, str(PROGRAM), "trace", str(trace), "--svg", str(picture)], check=False).returncode == 0:
                steps.say(f"qemu-run: {name}: {os.path.relpath(trace)}, drawn in {os.path.relpath(picture)}")

    def _remove(self):
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
