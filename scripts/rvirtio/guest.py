# SPDX-License-Identifier: GPL-2.0
"""The guest image: an initramfs of busybox, Debian's test tools, the kernel's modules and ours."""

import pathlib
import re
import shutil

from . import cpio, steps
from .steps import BUILD, Fail, REPO, ROOT

GUEST = BUILD / "guest"
SOURCES = REPO / "tests" / "boot" / "guest"

# Debian's programs, each with the libraries it needs; everything else is busybox.
PROGRAMS = """dash bash fio iperf3 ethtool ip ss tc ping lspci setpci socat mke2fs e2fsck tune2fs dumpe2fs debugfs
resize2fs blkid lsblk blkdiscard fstrim kexec""".split()
LINKS = {"bin/sh": "dash", "sbin/mkfs.ext4": "mke2fs", "sbin/mkfs.ext3": "mke2fs", "sbin/mkfs.ext2": "mke2fs",
         "sbin/fsck.ext4": "e2fsck"}
FILES = ["/etc/mke2fs.conf", "/usr/share/misc/pci.ids", "/etc/protocols", "/etc/services"]

# Of the kernel's own modules, those a guest is useful with, as far as the kernel has them.
KERNEL_MODULES = """virtio_pci virtio_blk virtio_net virtio_rng dummy tun veth bridge 8021q macvlan vxlan sch_netem bonding
overlay loop vfat pktgen mq_deadline kyber_iosched""".split()

# More programs and modules, 20 MB, which a guest without need of them would unpack at each boot.
FILE_SYSTEM_PROGRAMS = "mkfs.xfs xfs_repair mkfs.btrfs btrfs".split()
FILE_SYSTEM_MODULES = "xfs btrfs".split()


def ensure(kernel, file_systems=False):
    """The initramfs for a chosen kernel; with xfs and btrfs, if they are wanted."""
    programs = PROGRAMS + FILE_SYSTEM_PROGRAMS * file_systems
    modules = KERNEL_MODULES + FILE_SYSTEM_MODULES * file_systems
    more = "-file-systems" if file_systems else ""
    with steps.locked("guest image"):
        base = _ensure_base(GUEST / f"base{more}.cpio", programs)
        ours = "" if kernel.ours else "-without-ours"
        return _ensure_image(GUEST / f"{kernel.name}{ours}{more}.cpio", kernel, base, modules)


def _ensure_base(base, programs):
    sources = sorted(path for path in SOURCES.rglob("*") if path.is_file())
    wanted = steps.key(steps.stamp_of(ROOT).read_text(), *programs, *FILES, *LINKS.items(),
                       pathlib.Path(__file__), *sources)
    if not steps.is_current(base, wanted):
        with steps.step("guest image: tools"), steps.making(base, wanted) as fresh:
            _write_base(fresh, programs)
    return base


def _write_base(path, programs):
    script = """
        for program in "$@"; do command -v "$program" || echo "missing $program"; done
        for program in "$@"; do ldd "$(command -v "$program")"; done | grep -o '/[^ ]*' | sort -u
    """
    named = steps.ask_root(["sh", "-c", script, "sh", *programs]).split("\n")
    missing = [line for line in named if line.startswith("missing ")]
    if missing:
        raise Fail(f"the build root lacks {', '.join(line.split()[1] for line in missing)}: run make distclean")
    with open(path, "wb") as out, cpio.Archive(out) as archive:
        for folder in ("dev", "proc", "sys", "tmp", "run", "mnt", "root", "newroot", "usr/bin", "usr/sbin", "usr/lib"):
            archive.folder(folder)
        for name in ("bin", "sbin", "lib"):
            archive.link(name, f"usr/{name}")
        archive.link("lib64", "usr/lib64")
        archive.data("usr/bin/busybox", _inside("/usr/bin/busybox").read_bytes(), 0o755)
        for name in sorted({line for line in named if line.startswith("/")} | set(FILES)):
            real = _inside(name)
            archive.data(_merged(name), real.read_bytes(), real.stat().st_mode & 0o755)
        for name, target in LINKS.items():
            archive.link(f"usr/{name}", target)
        archive.tree("", SOURCES)


def _inside(name):
    """The host path of a file of the build root, links followed as seen from inside."""
    path = ROOT / name.lstrip("/")
    for _ in range(8):
        if not path.is_symlink():
            return path
        target = path.readlink()
        path = ROOT / str(target).lstrip("/") if target.is_absolute() else path.parent / target
    raise Fail(f"too many links at {name} in the build root")


def _merged(name):
    """/lib/x becomes /usr/lib/x, as Debian has it."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", name)


def _ensure_image(image, kernel, base, modules):
    ours = sorted(kernel.ours.rglob("*.ko")) if kernel.ours else []
    wanted = steps.key("stripped", steps.stamp_of(base).read_text(), kernel.identity, *modules, *ours)
    if not steps.is_current(image, wanted):
        with steps.step(f"guest image: modules for {kernel.release}"), steps.making(image, wanted) as fresh:
            staged = _stage_modules(kernel, modules, ours)
            shutil.copyfile(base, fresh)
            with open(fresh, "ab") as out:
                append(out, staged)
            steps.remove(staged)
    return image


def append(out, tree):
    """Adds a folder to an image as one more archive."""
    out.write(b"\0" * (-out.tell() % 512))
    with cpio.Archive(out) as archive:
        archive.tree("", tree)


def _stage_modules(kernel, modules, ours):
    """A folder with the chosen modules, unpacked, and the indices modprobe reads."""
    staged = GUEST / ".modules"
    steps.remove(staged)
    target = staged / "usr" / "lib" / "modules" / kernel.release
    target.mkdir(parents=True)
    names = ("modules.builtin", "modules.builtin.modinfo", "modules.order")
    for name in [*_with_dependencies(kernel.modules, modules), *names] if kernel.modules else []:
        if (kernel.modules / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kernel.modules / name, target / name)
    for path in ours:
        (target / "updates").mkdir(exist_ok=True)
        shutil.copyfile(path, target / "updates" / path.name)
    # Ours have debug information of several megabytes, which every boot would unpack.
    script = (f"cd {staged}; find . -name '*.ko.xz' -exec xz -d '{{}}' +; find . -name '*.ko.zst' -exec zstd -dq --rm '{{}}' +;"
              f" find . -path '*/updates/*.ko' -exec strip --strip-debug '{{}}' +;"
              f" depmod -b {staged}/usr {kernel.release}")
    steps.shell_in_root("indexing the guest's modules", script, "guest.log")
    return staged


def _with_dependencies(tree, names):
    """The files of these modules and of all they need, by the kernel's modules.dep."""
    needs, by_name = {}, {}
    index = tree / "modules.dep"
    for line in index.read_text().splitlines() if index.exists() else []:
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
        by_name[pathlib.Path(path).name.split(".")[0].replace("-", "_")] = path
    chosen = {by_name[name] for name in names if name in by_name}
    for path in list(chosen):
        chosen.update(needs[path])
    return sorted(chosen)
