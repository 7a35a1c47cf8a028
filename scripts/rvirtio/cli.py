# SPDX-License-Identifier: GPL-2.0
"""The options of qemu-run.sh, and what happens between them and a running guest."""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shlex
import shutil

from . import buildroot, chosen, cpio, emulated, guest, machine, rootfs, run, steps
from .steps import BUILD, Fail, IN_ROOT, LOGS, REPO

EPILOG = """\
exit status with --exec: the command's own; 124 when a time limit was reached, 125 when the
guest panicked or could not be run (one line on standard error says why).
"""


@dataclasses.dataclass
class Disk:
    """One disk of the guest."""
    path: pathlib.Path
    writable: bool


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message):
        raise Fail(f"{message} (--help lists the options)")


def parser():
    """The run command's options."""
    new = _Parser(
        prog="qemu-run.sh", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG, allow_abbrev=False,
        description="Boots a QEMU guest with the stock Debian kernel on our Rust virtio drivers. Makes what is missing first.")
    add = new.add_argument
    add("--exec", metavar="CMD", help="run CMD in the guest; its output and exit status become ours")
    add("--driver", default="rust", metavar="WHICH",
        help="rust (default); c: Linux's own drivers; override[:SLOT,...]: Linux's own, then the functions in these "
             "PCI slots (e.g. 04.0; default all) are handed to ours by driver_override; none")
    add("--no-bind", action="store_true",
        help="load the drivers of --driver and leave every device without one, to be bound by hand")
    add("--device", choices=["qemu", "emulator"], default="qemu",
        help="whose virtio devices: QEMU's (default), or those of the emulator in this repository")
    add("--profile", choices=emulated.PROFILES, default="qemu", help="whose habits the emulator's devices have (default qemu)")
    add("--trace", metavar="FOLDER",
        help="have the emulator write what happens in each device to FOLDER, and draw it: NAME.jsonl, NAME.svg, NAME.pcap")
    add("--check", action="store_true", help="have the emulator say at the end which rules of the specification a driver broke")
    add("--kernel", default="stock", metavar="K", help="stock (default), kunit, or a path: a bzImage or a kernel build tree")
    add("--disk", action="append", default=[], metavar="FILE",
        help="a disk (repeatable), read-only unless --writable; without any, one is made under build/disks")
    add("--no-disk", action="store_true", help="no disk at all")
    add("--writable", action="store_true", help="let the guest write to the --disk files")
    add("--root", choices=["image"], help="image: a Debian root file system on the first disk, mounted through the driver")
    add("--file-systems", action="store_true", help="xfs and btrfs in the guest, with their tools")
    add("--smp", type=int, default=2, metavar="N", help="processors (default 2)")
    add("--memory", default="1G", metavar="SIZE", help="memory (default 1G)")
    add("--machine", choices=["pc", "q35"], default="pc", help="machine (default pc)")
    add("--vectors", type=int, metavar="N", help="MSI-X vectors of each device; 0: INTx")
    add("--queues", type=int, metavar="N", help="queues of each disk, and of a tap network card")
    add("--features", metavar="LIST", help="features the devices offer or not: +name,-name")
    add("--net", default="user", metavar="NET", help="user (default), tap:INTERFACE, or none")
    add("--address", metavar="A/LEN[,GATEWAY]", help="the guest's address (default: fixed with user, DHCP with tap)")
    add("--append", action="append", default=[], metavar="WORDS", help="more for the kernel's command line")
    add("--accel", choices=["auto", "tcg", "kvm"], default="auto", help="auto (default): KVM where it works")
    add("--overlay", action="append", default=[], metavar="DIR", help="more files for the guest's initramfs")
    add("--qmp", metavar="SOCKET", help="open a QMP socket")
    add("--name", metavar="NAME", help="name of this guest's created disks and log (default guest)")
    add("--timeout", type=int, default=600, metavar="S", help="limit for --exec once the guest is up (default 600)")
    add("--start-timeout", type=int, default=120, metavar="S", help="limit for the guest's start (default 120)")
    add("--attempts", type=int, default=2, metavar="N",
        help="boots, should the kernel crash before it starts anything, as it may on emulated processors (default 2)")
    add("--verbose", action="store_true", help="show the kernel's messages on the console")
    add("--dry-run", action="store_true", help="print the QEMU command line, run nothing")
    add("qemu_arguments", nargs="*", metavar="-- QEMU ARGS", help="more arguments for QEMU")
    return new


def parse(argv):
    """The options, checked as far as they can be without looking around."""
    extra = []
    if "--" in argv:
        cut = argv.index("--")
        argv, extra = argv[:cut], argv[cut + 1:]
    joined = []
    for word in argv:
        # Their values may start with a dash, which argparse takes for an option unless joined.
        if joined and joined[-1] in ("--features", "--exec", "--append"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    options = parser().parse_args(joined)
    if options.qemu_arguments:
        raise Fail(f"unknown argument {options.qemu_arguments[0]}: QEMU's own go after --")
    options.qemu_arguments = extra
    options.driver, _, options.override = options.driver.partition(":")
    if options.driver not in ("rust", "c", "override", "none") or (options.override and options.driver != "override"):
        raise Fail("--driver is rust, c, override[:SLOT,...] or none")
    if options.net not in ("user", "none") and not (options.net.startswith("tap:") and options.net[4:]):
        raise Fail("--net is user, tap:INTERFACE or none")
    if options.trace:
        options.trace = pathlib.Path(options.trace).absolute()
        if options.device != "emulator":
            raise Fail("--trace needs --device emulator: QEMU's devices write none")
    if options.check and options.device != "emulator":
        raise Fail("--check needs --device emulator: QEMU's devices judge nobody")
    if options.attempts < 1:
        raise Fail("--attempts is at least 1")
    if options.smp < 1 or (options.queues is not None and options.queues < 1):
        raise Fail("--smp and --queues are at least 1")
    if options.vectors is not None and options.vectors < 0:
        raise Fail("--vectors is at least 0")
    options.name = options.name or "guest"
    if "/" in options.name or options.name.startswith("."):
        raise Fail("--name is a plain name")
    machine.feature_properties(options.features, {})
    return options


def main(argv):
    """The run command."""
    options = parse(argv)
    kernel_image, image = prepare(options)
    run.watch_signals()
    log = LOGS / f"{options.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    folder = run_folder(options)
    try:
        initrd = write_initrd(options, image, folder)
        start, version = qemu(options)
        devices = emulated.Devices(options, folder if options.dry_run else None) if options.device == "emulator" else None
        argv = start + machine.command(options, version, kernel_image, initrd, serials(options, folder, log), devices)
        if options.dry_run:
            for line in [devices.command] * bool(devices) + [argv]:
                print("".join(f" \\\n    {word}" if word.startswith("-") else f" {word}"
                              for word in map(shlex.quote, line)).strip())
            return 0
        with devices or contextlib.nullcontext():
            return boot(options, argv, folder, log)
    finally:
        if not options.dry_run:
            shutil.rmtree(folder, ignore_errors=True)


def boot(options, argv, folder, log):
    """Runs QEMU; once more if the kernel crashed before it started anything."""
    shown = log.relative_to(REPO) if pathlib.Path.cwd() == REPO else log
    for left in reversed(range(options.attempts)):
        log.unlink(missing_ok=True)
        ports = run.Ports(folder, ["control"] if options.exec is None else ["stdout", "control", "stderr"])
        with contextlib.closing(ports):
            status = run.supervise(argv, ports, shown, start_limit=options.start_timeout,
                                   limit=options.timeout if options.exec is not None else 0)
        if not left or status != run.RUN_FAILED or not run.crashed_before_init(log):
            break
        log.replace(log.with_suffix(".crashed.log"))
        steps.say("qemu-run: that was before anything was started: booting once more")
    return status


def run_folder(options):
    """A folder for this run alone, named by our process id; those of runs that are over are removed."""
    runs = BUILD / "run"
    runs.mkdir(exist_ok=True)
    for old in runs.iterdir():
        number = old.name.rpartition(".")[2]
        if number.isdigit() and not pathlib.Path("/proc", number).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = runs / (f"{options.name}.dry" if options.dry_run else f"{options.name}.{os.getpid()}")
    folder.mkdir(exist_ok=options.dry_run)
    return folder


def prepare(options):
    """Makes what is missing: the kernel's image and the guest's initramfs."""
    buildroot.ensure()
    if options.device == "emulator":
        emulated.build()
    kernel = chosen.choose(options.kernel, options.driver in ("rust", "override"))
    image = guest.ensure(kernel, options.file_systems)
    options.disks = [Disk(existing(path), options.writable) for path in options.disk]
    if options.root:
        options.disks.insert(0, Disk(rootfs.disk(options.name), True))
    elif not options.disk and not options.no_disk:
        options.disks.append(Disk(created_disk(options.name), True))
    return kernel.image, image


def existing(path):
    """A disk the user names."""
    found = pathlib.Path(path).absolute()
    if not found.exists():
        raise Fail(f"--disk {path}: no such file")
    if not os.access(found, os.R_OK):
        raise Fail(f"--disk {path}: cannot be read")
    return found


def created_disk(name):
    """The disk a guest gets when none is named: 256 MiB of ext4, kept between runs."""
    path = BUILD / "disks" / f"{name}.img"
    if not path.exists():
        with steps.making(path, "disk") as fresh:
            with open(fresh, "wb") as image:
                image.truncate(256 << 20)
            steps.run_in_root("making a disk", ["mke2fs", "-q", "-t", "ext4", "-L", "rvirtio", str(fresh)], "disk.log")
    return path


def qemu(options):
    """How QEMU is started, the build root's or the one QEMU names; and its version."""
    own = os.environ.get("QEMU")
    if own:
        return [own], buildroot.check_qemu([own])
    binds = [word for disk in options.disks for word in ("--bind", str(disk.path))
             if str(disk.path).startswith(("/usr/", "/var/", "/etc/", "/boot/"))]
    return [IN_ROOT, *binds, "qemu-system-x86_64"], buildroot.check_qemu([IN_ROOT, "qemu-system-x86_64"])


def serials(options, folder, log):
    """The character devices of the four serial ports: console, output, control, errors."""
    names = {name: f"file,path={machine.escape(folder / name)}" for name in ("stdout", "control", "stderr")}
    if options.exec is None:
        return [f"stdio,mux=on,signal=off,logfile={machine.escape(log)}", "null", names["control"], "null"]
    return [f"file,path={machine.escape(log)}", names["stdout"], names["control"], names["stderr"]]


def write_initrd(options, image, folder):
    """The image, and after it what is special to this run."""
    path = folder / "initrd"
    shutil.copyfile(image, path)
    with open(path, "ab") as out:
        for overlay in options.overlay:
            if not pathlib.Path(overlay).is_dir():
                raise Fail(f"--overlay {overlay}: no such folder")
            guest.append(out, pathlib.Path(overlay))
        out.write(b"\0" * (-out.tell() % 512))
        with cpio.Archive(out) as archive:
            archive.data("etc/rvirtio.conf", configuration(options).encode())
            if options.exec is not None:
                archive.data("etc/rvirtio.cmd", f"{options.exec}\n".encode())
    return path


def configuration(options):
    """The guest's /etc/rvirtio.conf, shell variables."""
    address, _, gateway = (options.address or "").partition(",")
    dns = ""
    if options.net == "user" and not options.address:
        address, gateway, dns = "10.0.2.15/24", "10.0.2.2", "10.0.2.3"
    size = shutil.get_terminal_size((0, 0))
    values = {"DRIVER": options.driver, "NO_BIND": "1" if options.no_bind else "", "OVERRIDE": options.override.replace(",", " "), "ROOT": options.root or "",
              "DISK": "1" if options.disks else "", "NET": "none" if options.net == "none" else "dhcp",
              "ADDRESS": address, "GATEWAY": gateway, "DNS": dns, "TERM": os.environ.get("TERM", ""),
              "ROWS": size.lines or "", "COLUMNS": size.columns or ""}
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
