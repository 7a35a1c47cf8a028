# SPDX-License-Identifier: GPL-2.0
"""Runs a guest and watches over it: output, exit status, time limits, reasons."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time

from . import steps

# Exit statuses of the run command that are not the guest command's own (as timeout(1) has them).
TIMED_OUT = 124
RUN_FAILED = 125


class Control:
    """What the guest says on its control port, line by line."""

    def __init__(self):
        self._rest = b""
        self.ready = False
        self.status = None
        self.failure = None
        self.at = "the kernel's start"

    def take(self, data):
        """More bytes from the port."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").strip().partition(" ")
            if word == "ready":
                self.ready = True
            elif word == "exit" and rest.isdigit():
                self.status = int(rest)
            elif word == "failed":
                self.failure = rest
            elif word == "complaint":
                steps.say(f"guest: {rest}")
            elif word == "at":
                self.at = rest


class Ports:
    """Named pipes QEMU writes the guest's serial ports into, open for reading here."""

    def __init__(self, folder, names):
        self.paths = {name: folder / name for name in names}
        self.ends = {}
        for name, path in self.paths.items():
            os.mkfifo(path)
            self.ends[name] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self):
        """Closes what is still open, and removes the pipes."""
        for end in self.ends.values():
            os.close(end)
        self.ends.clear()
        for path in self.paths.values():
            path.unlink(missing_ok=True)


def _write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def supervise(argv, ports, log, *, start_limit, limit):
    """Runs QEMU until the guest is off; gives the exit status for us."""
    control = Control()
    process = subprocess.Popen(argv, stdin=None if sys.stdin and "stdout" not in ports.ends else subprocess.DEVNULL,
                               stdout=None if "stdout" not in ports.ends else subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    complaints = []
    reader = threading.Thread(target=lambda: complaints.extend(process.stderr.read().decode(errors="replace").splitlines()))
    reader.start()
    try:
        reason = _watch(process, ports, control, start_limit, limit)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        reader.join()
    if control.failure:
        steps.say(f"qemu-run: {control.failure}; console: {log}")
        return RUN_FAILED
    if reason:
        steps.say(f"qemu-run: {reason}; console: {log}")
        return TIMED_OUT
    if control.status is not None:
        return control.status
    if "stdout" not in ports.ends and control.ready and process.returncode == 0 and not panic_of(log):
        return 0
    why = panic_of(log) or (complaints[-1] if complaints else None)
    why = why or f"the guest went off without finishing (at {control.at if not control.ready else 'the command'})"
    steps.say(f"qemu-run: {why}; console: {log}")
    return RUN_FAILED


def panic_of(log):
    """The kernel's own words when it has panicked."""
    if not log.exists():
        return None
    text = log.read_text(errors="replace")
    found = re.search(r"Kernel panic - not syncing: [^\r\n]*", text)
    return f"the guest panicked: {found.group(0)}" if found else None


def crashed_before_init(log):
    """Whether the kernel has crashed before it started anything: none of our code was there yet.

    QEMU's emulated processors make it do so now and then, one boot in some hundred: the kernel changes its own
    code while another processor runs it, and that one stumbles over the breakpoint that was there in between.
    """
    text = log.read_text(errors="replace") if log.exists() else ""
    return "Run /init as init process" not in text and re.search(r"Kernel panic|Oops: int3", text) is not None


def _watch(process, ports, control, start_limit, limit):
    """Moves the ports' data until QEMU ends; the reason when a limit was reached."""
    takers = {"control": control.take,
              "stdout": lambda data: _write_all(1, data),
              "stderr": lambda data: _write_all(2, data)}
    started = time.monotonic()
    ready = off = None
    with selectors.DefaultSelector() as selector:
        for name, end in ports.ends.items():
            selector.register(end, selectors.EVENT_READ, takers[name])
        while process.poll() is None:
            _move(selector, 0.2)
            now = time.monotonic()
            if control.ready and ready is None:
                ready = now
            if control.status is not None and off is None:
                off = now
            if off and now - off > 20:
                return None
            if ready is None and now - started > start_limit:
                return f"the guest was not up after {start_limit} s (at {control.at})"
            if ready and off is None and limit and now - ready > limit:
                return f"the command did not end within {limit} s"
        while _move(selector, 0):
            pass
    return None


def _move(selector, wait):
    moved = False
    for ready, _ in selector.select(wait):
        data = os.read(ready.fd, 1 << 16)
        if data:
            ready.data(data)
            moved = True
        elif wait:
            # The pipe's writer is not there yet, or gone: do not spin.
            time.sleep(0.02)
    return moved


def terminate_as_signalled(number, _frame):
    """SIGTERM is an orderly end: the guest goes, too."""
    raise SystemExit(128 + number)


def watch_signals():
    """To be called once before a guest starts."""
    signal.signal(signal.SIGTERM, terminate_as_signalled)
    signal.signal(signal.SIGHUP, terminate_as_signalled)
