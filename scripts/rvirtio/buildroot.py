# SPDX-License-Identifier: GPL-2.0
"""The build root: a Debian with the toolchain and QEMU under build/root, the same on every host."""

import os
import re
import subprocess

from . import steps
from .steps import Fail, ROOT

SUITE = "trixie"
BACKPORTS = "trixie-backports"
MIRROR = os.environ.get("RVIRTIO_MIRROR", "http://deb.debian.org/debian")

# For building: what the kernel's own build wants for a Rust-enabled tree, and for judging sources.
TOOLCHAIN = """rustc rust-src rust-clippy rustfmt cargo bindgen clang lld llvm gcc libc6-dev make flex
bison bc libelf-dev libssl-dev dwarves rsync xz-utils zstd kmod cpio python3 shellcheck""".split()
# For running the shared code on the host under sanitizers, valgrind, and a fuzzer.
PROBES = ["libclang-rt-dev", "valgrind"]
# For guests: copied into the guest image with the libraries they need.
GUEST_TOOLS = """busybox-static fio iperf3 ethtool e2fsprogs xfsprogs btrfs-progs iproute2 iputils-ping pciutils socat
kexec-tools""".split()
# For the networks that tests make.
SERVERS = ["dnsmasq-base"]
# From backports: the kernel moves there, and QEMU goes with it.
QEMU = ["qemu-system-x86", "qemu-utils"]
OLDEST_QEMU = (9, 0)
# Parts of packages that no one reads here.
LEFT_OUT = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "info")]


def enter():
    """What starts a command as root with mounts of its own, for root and for an ordinary user alike."""
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    return ["unshare", *user, "--mount", "--propagation", "private", "--"]


def check_namespaces():
    """Whether this user can enter a build root at all."""
    if os.getuid() != 0:
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("/etc/subuid", "/etc/subgid"):
            if not _has_ids(name, (user, str(os.getuid()))):
                raise Fail(f"no subordinate ids for {user} in {name}: run sudo usermod --add-subuids "
                           f"100000-165535 --add-subgids 100000-165535 {user}")
    done = subprocess.run([*enter(), "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Fail(f"cannot make a private mount namespace here: {done.stderr.strip()}")


def _has_ids(name, owners):
    try:
        with open(name, encoding="ascii") as lines:
            return any(line.split(":")[0] in owners for line in lines)
    except FileNotFoundError:
        return False


def qemu_version(argv):
    """The version of a QEMU as a tuple, e.g. (11, 1, 3)."""
    try:
        text = subprocess.run([*argv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise Fail(f"cannot run {argv[-1]}: {error.strerror}") from None
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise Fail(f"{argv[-1]} --version does not say a version")
    return tuple(int(number) for number in found.groups())


def check_qemu(argv):
    """The version of a QEMU; one line when it is older than what the run command relies on."""
    version = qemu_version(argv)
    if version < OLDEST_QEMU:
        raise Fail(f"QEMU too old: {argv[-1]} is {'.'.join(map(str, version))}, at least "
                   f"{'.'.join(map(str, OLDEST_QEMU))} is needed")
    return version


def ensure():
    """Makes the build root when it is missing or was made from another list of packages."""
    wanted = steps.key(SUITE, BACKPORTS, MIRROR, *TOOLCHAIN, *PROBES, *GUEST_TOOLS, *SERVERS, *QEMU)
    with steps.locked("build root"):
        if not steps.is_current(ROOT, wanted):
            _make_anew(wanted)


def _make_anew(wanted):
    check_namespaces()
    if ROOT.exists():
        steps.say("set-up: the build root is stale (made from another list of packages): making a new one")
    steps.need_space(7, "set-up")
    with steps.step("build root: Debian trixie with Rust, QEMU and tools", "about 70 s"), \
            steps.making(ROOT, wanted) as fresh:
        _make(fresh)
        check_qemu(["env", f"RVIRTIO_ROOT={fresh}", steps.IN_ROOT, "qemu-system-x86_64"])


def _make(fresh):
    install = "apt-get install -y --no-install-recommends -t " + BACKPORTS
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase",
            "--include=" + ",".join(TOOLCHAIN + PROBES + GUEST_TOOLS + SERVERS),
            *LEFT_OUT,
            f'--customize-hook=chroot "$1" {install} {" ".join(QEMU)}',
            SUITE, str(fresh), f"deb {MIRROR} {SUITE} main", f"deb {MIRROR} {BACKPORTS} main"]
    # mmdebstrap's temporary files belong beside its product, not in a /tmp that may be small.
    environment = {**os.environ, "TMPDIR": str(fresh.parent), "LC_ALL": "C.UTF-8"}
    steps.run("making the build root", [*enter(), *argv], "root.log", env=environment)
