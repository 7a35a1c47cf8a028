# SPDX-License-Identifier: GPL-2.0
"""SeaBIOS boots from a disk of the emulator.

Its driver, which nobody here wrote, loads the boot sector; the code there reads the second sector through
it, says what stands there, writes the same to the third and ends the machine. The image on the host has it
then. So on both machines, and with the habits of each of the four well-known devices. The rules that it breaks
are those that docs/conformance.md records.

Rows: D37
"""

import subprocess

from harness import conformance
from harness.case import ROOT
from harness.emulator import Emulator

TIMEOUT = 180
MESSAGE = b"the second sector was here"

VARIANTS = {
    "pc": {},
    "q35": {"machine": "q35"},
    **{name: {"words": ("--profile", name)} for name in ("bhyve", "kvmtool", "propolis")},
}

# At 0x7c00 in real mode, the boot drive in DL.
BOOT_SECTOR = bytes.fromhex(
    "31c0 8ed8 8ec0"    # ds and es at 0
    "bb0080"            # the buffer at 0x8000
    "b80102 b90200 b600 cd13"  # read cylinder 0, head 0, sector 2
    "7217"              # on an error to the end
    "be0080 fc"         # from the buffer
    "ac 08c0 7404"      # each byte up to a zero
    "e6e9 ebf7"         # to the debug port
    "b80103 b90300 b600 cd13"  # write sector 3
    "b000 e6f4 ebfe")   # out of the machine


def run(t, words=(), machine="pc"):
    """One machine without a kernel."""
    image, said = t.disk("disk.img", 1 << 20), t.directory / "said"
    with open(image, "r+b") as file:
        file.write(BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa" + MESSAGE)
    with Emulator(t, "blk", "--disk", image, "--check", *words) as device:
        command = [ROOT / "scripts" / "in-root", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
                   "-machine", f"{machine},accel=tcg", "-m", "1G", *Emulator.memory(),
                   *device.qemu("disk", addr="4", bootindex=0),
                   "-chardev", f"file,id=said,path={said}", "-device", "isa-debugcon,iobase=0xe9,chardev=said",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=t.remaining(), check=False, text=True)
        t.equal(said.read_bytes(), MESSAGE, f"what the boot sector said (QEMU: {done.stdout.strip()[-200:]})")
        # isa-debug-exit ends QEMU with twice the value and one.
        t.equal(done.returncode, 1, "exit status of QEMU")
    with open(image, "rb") as file:
        sectors = file.read(3 * 512)
    t.equal(sectors[1024:], sectors[512:1024], "the third sector")
    conformance.compare(t, "SeaBIOS virtio-blk", device.broken)
