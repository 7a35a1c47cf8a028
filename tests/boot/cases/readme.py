# SPDX-License-Identifier: GPL-2.0
"""Every command of README.md works as it stands there, but for the paths a reader fills in.

A command this case does not know fails it, so that the README cannot gain one that nobody runs.

Rows: T1
"""

import os
import pty
import re
import select
import shutil
import subprocess
import time

from harness import devices
from harness.case import ROOT

TIMEOUT = 600
ADDRESS = "0000:00:04.0"


def blocks():
    """The shell blocks of the README, each a list of commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [block.strip().splitlines() for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)]


def host(t, command, wanted):
    """Runs a command in the repository; its standard output has to match `wanted`. Gives what it said beside that."""
    ended = subprocess.run(["sh", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=t.remaining(), check=False)
    t.equal(ended.returncode, 0, f"exit status of `{command}` ({ended.stderr.strip()[-200:]})")
    for pattern in wanted:
        t.check(re.search(pattern, ended.stdout, re.M), f"`{command}` did not print {pattern}: {ended.stdout[-400:]}")
    return ended.stderr


def interactive(t, command):
    """Runs a command on a terminal, as a person would, and leaves the guest's shell with `exit`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execlp("sh", "sh", "-c", command)
    output, asked = b"", False
    end = time.monotonic() + t.remaining()
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
        if not asked and output.endswith(b"# "):
            os.write(terminal, b"echo answer is $((6 * 7)); exit\n")
            asked = True
    text = output.decode(errors="replace")
    for wanted in ("rvirtio_net", "rvirtio_blk", "mounted on /mnt", "answer is 42"):
        t.check(wanted in text, f"`{command}` showed no {wanted!r}: {text[-400:]}")
    t.equal(os.waitpid(pid, 0)[1], 0, f"exit status of `{command}`")


def on_the_emulator(t, command):
    """The command whose devices are the emulator's: a verdict on both drivers, a picture of each device."""
    folder = ROOT / "build" / "trace"
    shutil.rmtree(folder, ignore_errors=True)
    said = host(t, command.replace("./qemu-run.sh", "./qemu-run.sh --name readme"), ["1 received"])
    for device in ("nic0", "blk0"):
        t.check(f"emulator: {device}: check: no rule was broken" in said, f"no verdict on {device}: {said[-400:]}")
        picture = (folder / f"{device}.svg").read_text(encoding="utf-8")
        t.check("<svg" in picture and "kicks" in picture, f"{device}.svg is no picture of it")


def modules(t, commands):
    """The block that builds and installs."""
    target = t.directory / "installed"
    target.mkdir()
    places = {"/path/to/kernel/build": "/kernels/stock/kdir", "/path/to/root": str(target)}
    for command in commands:
        if "KDIR=" in command:
            # A tree of one's own is built with one's own toolchain: here that of the build root.
            command = f"scripts/in-root {command}"
        for place, here in places.items():
            command = command.replace(place, here)
        host(t, command, ["rvirtio_blk.ko"] if "modules_install" in command else [])
    names = sorted(path.name for path in target.rglob("*.ko"))
    t.check({"rvirtio_blk.ko", "rvirtio_net.ko"} <= set(names), f"modules_install installed {names}")


def packages(t, commands):
    """The block that makes packages; what installing them does to a system is for `debian-package` to show."""
    make, install = commands
    host(t, make, [r"rvirtio_.*\.deb", r"rvirtio-modules-.*\.deb"])
    apt, _, rest = install.removeprefix("sudo ").partition(" install ")
    t.equal(apt, "apt", "what installs the packages")
    host(t, f"scripts/in-root apt-get install --simulate {rest}", [r"^Inst rvirtio ", r"^Inst rvirtio-modules-"])


def in_guest(t, there, back):
    """The blocks that hand a device to our driver on a running system, and back."""
    qemu = devices.disk("disk", t.disk("disk.img", 16 << 20), addr=4) + devices.user_net("nic", addr=3)
    # A guest that has our modules, and Linux's virtio-pci for all but the card.
    with t.boot(args=devices.BARE, qemu=qemu, driver="override:03.0") as g:
        t.equal(g.pci("disk"), ADDRESS, "the address that the README names")
        t.equal(g.sh(f"driver_of {ADDRESS}"), "virtio-pci", "who has the disk at first")
        for commands, owner in ((there, "rvirtio_blk"), (back, "virtio-pci")):
            g.sh("set -e\n" + "\n".join(commands))
            t.equal(g.sh(f"driver_of {ADDRESS}"), owner, "who has the disk afterwards")
            g.sh(f"disk_round_trip /dev/$(disk_of {ADDRESS}) 4 64k")


def run(t):
    """Block by block."""
    handed = []
    for commands in blocks():
        first = commands[0]
        if commands == ["./qemu-run.sh"]:
            interactive(t, f"{first} --name readme")
        elif first.startswith("./qemu-run.sh --exec"):
            t.equal(len(commands), 1, "commands in the block")
            host(t, first.replace("./qemu-run.sh", "./qemu-run.sh --name readme"),
                 ["driver in use: rvirtio_net", "driver in use: rvirtio_blk", "^/dev/rvda on ", "1 received"])
        elif first.startswith("./qemu-run.sh --device emulator"):
            on_the_emulator(t, first)
        elif commands == ["make test"]:
            # What is running now, and what .ci/run calls.
            t.check("\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8"), ".ci/run does not call it")
        elif first.startswith("make hostile"):
            t.equal(len(commands), 1, "commands in the block")
            host(t, first, [r"^ok +blk/used-id/once ", r"^2 passed, 0 failed$"])
        elif first == "make":
            modules(t, commands)
        elif first == "make deb":
            packages(t, commands)
        elif "driver_override" in "".join(commands):
            handed.append(commands)
        else:
            t.check(False, f"nobody runs `{first}`")
    t.equal(len(handed), 2, "blocks about driver_override")
    in_guest(t, *handed)
