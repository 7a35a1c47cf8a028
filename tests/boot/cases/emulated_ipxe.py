# SPDX-License-Identifier: GPL-2.0
"""iPXE, whose driver nobody here wrote, gets an address and a file through a card of the emulator.

QEMU's user network gives both, by DHCP and TFTP; in the variant `namespace`, which needs root, Debian's dnsmasq does, over
a tap interface in a network namespace of its own. The file is a program that says what stands at
its own end, and ends the machine: all of it has come, in order. So on both machines, and with the habits of each of the
four well-known devices. The rules that it breaks are those that docs/conformance.md records.

Rows: D34
"""

import contextlib
import subprocess

from harness import conformance
from harness.case import ROOT
from harness.emulator import Emulator

TIMEOUT = 240
MESSAGE = b"the end of the file was here"
BYTES = 0x5000
# SeaBIOS takes the ROM of a PCI device from here, too; it finds none behind a romfile of vfio-user-pci.
ROM = "name=pci1af4,,1000.rom,file=/usr/share/qemu/pxe-virtio.rom"

VARIANTS = {
    "pc": {},
    "q35": {"machine": "q35"},
    "namespace": {"own_network": True},
    **{name: {"words": ("--profile", name)} for name in ("bhyve", "kvmtool", "propolis")},
}

# At 0x7c00 in real mode.
PROGRAM = bytes.fromhex(
    "31c0 8ed8"         # ds at 0
    "be00cc fc"         # from 0x7c00 + 0x5000
    "ac 08c0 7404"      # each byte up to a zero
    "e6e9 ebf7"         # to the debug port
    "b000 e6f4 ebfe")   # out of the machine


@contextlib.contextmanager
def dnsmasq(t, device, folder):
    """Gives addresses and the file in the emulator's network."""
    subprocess.run(device.in_namespace("sh", "-ec", "ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up"),
                   check=True, timeout=10)
    command = [ROOT / "scripts" / "in-root", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--port=0",
               "--interface=tap0", "--bind-interfaces", "--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,1h", "--dhcp-boot=boot",
               f"--dhcp-leasefile={t.directory}/leases", "--enable-tftp", f"--tftp-root={folder}", "--pid-file="]
    with subprocess.Popen(device.in_namespace(*map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            yield
            t.equal(server.poll(), None, "exit status of dnsmasq")
        finally:
            server.kill()


def run(t, words=(), machine="pc", own_network=False):
    """One machine without a kernel or a disk."""
    said = t.directory / "said"
    folder = t.directory / "tftp"
    folder.mkdir()
    (folder / "boot").write_bytes(PROGRAM.ljust(BYTES, b"\xf4") + MESSAGE + b"\0")
    backend = ("--backend", "tap:tap0") if own_network else ()
    with Emulator(t, "net", *backend, "--check", *words, own_network=own_network) as device:
        network = dnsmasq(t, device, folder) if own_network else contextlib.nullcontext()
        wire = [] if own_network else device.user_net(more=f",tftp={folder},bootfile=boot")
        command = [ROOT / "scripts" / "in-root", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
                   "-machine", f"{machine},accel=tcg", "-m", "1G", *Emulator.memory(),
                   *device.qemu("nic", addr="4", bootindex=0), "-fw_cfg", ROM, *wire,
                   "-chardev", f"file,id=said,path={said}", "-device", "isa-debugcon,iobase=0xe9,chardev=said",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        with network:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=t.remaining(), check=False, text=True)
        t.equal(said.read_bytes(), MESSAGE, f"what the program said (QEMU: {done.stdout.strip()[-200:]})")
        # isa-debug-exit ends QEMU with twice the value and one.
        t.equal(done.returncode, 1, "exit status of QEMU")
    t.equal(device.frames()[2], 0, "malformed frames")
    conformance.compare(t, "iPXE virtio-net", device.broken)
