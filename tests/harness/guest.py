# SPDX-License-Identifier: GPL-2.0
"""A guest under qemu-run.sh, driven from the host: scripts over a serial port, the machine over QMP."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from rvirtio.run import crashed_before_init

from .qmp import Qmp

ROOT = Path(__file__).resolve().parents[2]
GUEST_LIB = ROOT / "tests" / "boot" / "guest-lib"
RUN = os.environ.get("RVIRTIO_TEST_QEMU_RUN", str(ROOT / "qemu-run.sh"))


class GuestError(Exception):
    """The guest did not do what every guest must: boot, answer, run a script, shut down, stay healthy."""


class ScriptError(GuestError):
    """A script that must succeed did not; the guest is as well as before."""


def _listen(path):
    """A listening socket at `path`, to which QEMU connects, from whatever network namespace."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    return server


def _descendants(pid):
    """The processes that a process has started, and those that they have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text(encoding="ascii").split()):
            found += [child, *_descendants(child)]
    return found


class Guest:
    """One boot. Entering waits for the guest, leaving shuts it down and judges its log."""

    def __init__(self, test, name, args=(), qemu=(), driver=None, disks=(), features="", seconds=150, trace=False,
                 enter=()):
        """`enter`: what the run command is started by, such as `Namespace.enter`."""
        self.test = test
        self.name = name
        self.log = ROOT / "build" / "logs" / f"{name}.log"
        self.driver = driver or test.driver
        self.trace_file = test.directory / f"{name}.trace" if trace else None
        self._seconds = seconds
        self._number = 0
        self._buffer = b""
        self._pci = None
        self.process = None
        self._off = False
        self.qmp = None
        self._control = None
        # Short, whatever the repository's path: a socket's name has 107 bytes at most.
        self._sockets = tempfile.TemporaryDirectory(prefix="rvirtio-")
        control, monitor = f"{self._sockets.name}/control", f"{self._sockets.name}/monitor"
        self._control_server, self._monitor_server = _listen(control), _listen(monitor)
        # Should it have to boot again, that is done from here, where the connections are known.
        command = [*enter, RUN, "--driver", self.driver, "--name", name, "--overlay", str(GUEST_LIB), "--attempts", "1"]
        command += ["--timeout", str(int(test.case.timeout) + 30), "--start-timeout", str(max(120, int(seconds)))]
        command += ["--append", "8250.nr_uarts=8"]
        for disk in disks:
            command += ["--disk", str(disk), "--writable"]
        if features:
            command += ["--features", features]
        command += [str(arg) for arg in args]
        command += ["--exec", "/rvtest/agent", "--"]
        command += ["-chardev", f"socket,id=rvtest,path={control}"]
        # Not on the interrupt line of the devices at slots 3 and 4, which share one.
        command += ["-device", "pci-serial,chardev=rvtest,addr=0x1d"]
        command += ["-chardev", f"socket,id=rvtestqmp,path={monitor}"]
        command += ["-mon", "chardev=rvtestqmp,mode=control"]
        if self.trace_file:
            command += ["-D", str(self.trace_file)]
        self.command = command + [str(arg) for arg in qemu]

    def __enter__(self):
        with self._sockets, self._control_server, self._monitor_server:
            try:
                self._start()
            except GuestError:
                # As the run command has it: QEMU's emulated processors make a kernel crash now and then while it boots.
                if not crashed_before_init(self.log):
                    raise
                kept = self.log.with_suffix(".crashed.log")
                self.log.replace(kept)
                print(f"note {self.name}: the kernel crashed before anything of ours was there, booting again  "
                      f"[{kept.relative_to(ROOT)}]", flush=True)
                self._start()
        return self

    def _start(self):
        """Starts the run command and waits until the guest's agent greets."""
        self._buffer = b""
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=ROOT, start_new_session=True)
        try:
            connection = self._accept(self._monitor_server)
            try:
                self.qmp = Qmp(connection)
            except ConnectionError:
                raise GuestError(self._how_it_ended()) from None
            self._control = self._accept(self._control_server)
            if self._line(self._seconds) != "ready":
                raise GuestError("the agent did not greet")
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, _value, _trace):
        if kind is not None:
            self._save_messages(5)
            self.kill()
            return False
        if self._off:
            self._judge()
        else:
            self.finish()
        return False

    def _accept(self, server):
        """QEMU's connection to `server`; fails as soon as the run command ends instead."""
        end = time.monotonic() + self._seconds
        server.settimeout(0.2)
        while True:
            try:
                connection, _ = server.accept()
                return connection
            except TimeoutError:
                if self.process.poll() is not None:
                    raise GuestError(self._how_it_ended()) from None
                if time.monotonic() > end:
                    raise GuestError(f"QEMU did not start within {self._seconds} s") from None

    def _how_it_ended(self):
        """What the run command, which has ended or is about to, says last."""
        status = self.process.wait(10)
        output = self.process.stdout.read().decode(errors="replace").strip()
        return f"qemu-run.sh ended with {status}: {output.splitlines()[-1] if output else 'no output'}"

    def _line(self, seconds):
        """The next line from the agent."""
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = min(end, self.test.deadline) - time.monotonic()
            if left <= 0:
                raise GuestError(f"the guest did not answer within {seconds} s")
            self._control.settimeout(min(left, 1.0))
            try:
                data = self._control.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise GuestError(f"the guest ended early: {self._last_words()}")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def _last_words(self):
        """Why the guest may have ended: its first complaint, else the log's last line."""
        self._wait(10)
        text = self.log_text()
        lines = text.strip().splitlines()
        return self.test.judge(text) or (lines[-1] if lines else "no log")

    def log_text(self):
        """The console's log so far."""
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def start(self, script):
        """Sends a script to run without waiting for it; `result` collects it."""
        self._number += 1
        text = base64.b64encode(script.encode()).decode()
        self._control.sendall(f"{self._number} {text}\n".encode())

    def result(self, seconds=30):
        """Status and output of the script that `start` sent."""
        line = self._line(seconds)
        number, status, *rest = line.split(" ")
        if number != str(self._number):
            raise GuestError(f"the agent answered out of turn: {line[:80]}")
        output = base64.b64decode(rest[0]).decode(errors="replace") if rest else ""
        return int(status), output.rstrip("\n")

    def run(self, script, seconds=30):
        """Runs a script in the guest: (status, output)."""
        self.start(script)
        return self.result(seconds)

    def sh(self, script, seconds=30):
        """Runs a script that must succeed; returns its output."""
        status, output = self.run(script, seconds)
        if status != 0:
            tail = " | ".join(output.splitlines()[-4:])
            first = next((line for line in script.splitlines() if line.strip()), "").strip()
            raise ScriptError(f"`{first[:60]}` ended with {status}: {tail}")
        return output

    def wait(self, condition, seconds=10, what=None):
        """Waits in the guest until a shell condition holds."""
        script = f"end=$(( $(uptime_ms) + {int(seconds * 1000)} ))\n" \
                 f"until {condition}; do [ $(uptime_ms) -lt $end ] || exit 1; sleep 0.05; done"
        status, _ = self.run(script, seconds + 20)
        if status != 0:
            raise GuestError(f"{what or condition}: not so within {seconds} s")

    def pci(self, device):
        """The guest's PCI address of the device with this QEMU id."""
        if self._pci is None or device not in self._pci:
            self._pci = {}
            for bus in self.qmp.command("query-pci"):
                self._note_bus(bus["bus"], bus["devices"])
        return self._pci[device]

    def _note_bus(self, number, devices):
        """Remembers the addresses of a bus and of those behind its bridges."""
        for entry in devices:
            address = f"0000:{entry['bus']:02x}:{entry['slot']:02x}.{entry['function']}"
            self._pci[entry.get("qdev_id", "")] = address
            bridge = entry.get("pci_bridge")
            if bridge:
                self._note_bus(bridge["bus"]["number"], bridge.get("devices", []))

    def status(self, device):
        """QEMU's view of a virtio device: status, features, queues."""
        return self.qmp.command("x-query-virtio-status", path=f"/machine/peripheral/{device}/virtio-backend")

    def trace(self, event, enable):
        """Switches a QEMU trace event on or off."""
        self.qmp.command("trace-event-set-state", name=event, enable=enable)

    def _save_messages(self, seconds):
        """Appends the kernel's ring buffer to the log, if the guest still answers."""
        try:
            _, text = self.run("dmesg", seconds)
        except (OSError, GuestError, ValueError):
            return ""
        with open(self.log, "a", encoding="utf-8", errors="replace") as log:
            log.write("\n--- the kernel's messages at the end of the case ---\n" + text + "\n")
        return text

    def finish(self):
        """Shuts the guest down and judges what it wrote."""
        self._save_messages(20)
        self._control.sendall(b"quit\n")
        if not self._wait(30):
            self.kill()
            raise GuestError("the guest did not shut down within 30 s")
        if self.process.returncode != 0:
            raise GuestError(f"qemu-run.sh ended with {self.process.returncode}")
        self._judge()

    def _judge(self):
        """Fails if the log has what no healthy kernel writes."""
        bad = self.test.judge(self.log_text())
        if bad:
            raise GuestError(f"the guest's log says: {bad}")

    def _qemu(self):
        """QEMU's process id."""
        for pid in _descendants(self.process.pid):
            if Path(f"/proc/{pid}/comm").read_text(encoding="ascii").startswith("qemu-system"):
                return pid
        raise GuestError("QEMU does not run")

    def booted_from(self):
        """The kernel's image and the initramfs that QEMU was given."""
        words = Path(f"/proc/{self._qemu()}/cmdline").read_text(encoding="utf-8").split("\0")
        return [Path(words[words.index(option) + 1]) for option in ("-kernel", "-initrd")]

    def boots_anew(self, seconds):
        """Waits for another kernel in the same QEMU, whose agent greets."""
        if self._line(seconds) != "ready":
            raise GuestError("the other kernel's agent did not greet")

    def resumes(self, other):
        """The guest is from now on what another one was, which waits for an answer still."""
        self._number = other._number

    def switches_off(self, seconds):
        """Waits for the guest to switch itself off. The case is done with the guest."""
        if not self._wait(seconds):
            raise GuestError(f"the guest did not switch itself off within {seconds} s")
        self._off = True

    def cut_power(self):
        """Ends QEMU from one moment to the next: nothing of it gets to finish anything. The case is done with the guest."""
        os.kill(self._qemu(), signal.SIGKILL)
        if not self._wait(30):
            raise GuestError("the run command did not end with QEMU")
        self._off = True

    def _wait(self, seconds):
        """Waits for the run command to end."""
        try:
            self.process.communicate(timeout=seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self):
        """Ends the run command and whatever it started."""
        if self.process is None or self.process.poll() is not None:
            return
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kind)
            except ProcessLookupError:
                break
            if self._wait(5):
                break
        # QEMU may wait for a device, and hear nothing.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
