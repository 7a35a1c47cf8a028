# SPDX-License-Identifier: GPL-2.0
"""`make deb`: Debian packages of the modules for the stock kernel and of what hands devices to them at boot."""

import shutil

from . import kernels, modules, steps
from .steps import BUILD, REPO

PACKAGING = REPO / "packaging" / "deb"
FOLDER = BUILD / "deb"
VERSION = "0.1"

COMMON = """\
Package: rvirtio
Version: {version}
Architecture: all
Maintainer: the rvirtio authors <nobody@localhost>
Section: kernel
Priority: optional
Recommends: rvirtio-modules, initramfs-tools, udev
Description: hands virtio devices to the drivers in Rust
 Devices that /etc/rvirtio/devices names are given to rvirtio_blk, rvirtio_net and rvirtio_rng when the system boots, the
 disk with the root file system included, and when they are plugged in. Linux's own drivers keep all others. The modules
 themselves are in a package for each kernel.
"""
MODULES = """\
Package: {name}
Version: {version}
Architecture: amd64
Maintainer: the rvirtio authors <nobody@localhost>
Section: kernel
Priority: optional
Depends: kmod
Recommends: rvirtio, linux-image-{release}
Provides: rvirtio-modules
Description: virtio block and network drivers in Rust, for Linux {release}
 Kernel modules for legacy virtio PCI devices: rvirtio_blk, rvirtio_net and, as a sample, rvirtio_rng. They load into
 this one kernel alone; packages for several kernels can be installed side by side.
"""

# Of packaging/deb: what goes where, and how it may be used.
FILES = {
    "hand-over": ("usr/lib/rvirtio/hand-over", 0o755),
    "rules": ("usr/lib/udev/rules.d/60-rvirtio.rules", 0o644),
    "initramfs-hook": ("usr/share/initramfs-tools/hooks/rvirtio", 0o755),
    "devices": ("etc/rvirtio/devices", 0o644),
}
SCRIPTS = ("postinst", "postrm")


def ensure():
    """Builds both packages when something in them has changed; returns their paths."""
    kernels.ensure("stock")
    built = modules.ensure("stock")
    release = built.name
    name = f"rvirtio-modules-{release}".replace("_", "-").lower()
    objects = sorted(path for path in built.rglob("rvirtio_*.ko") if path.stem in modules.NAMES)
    with steps.locked("Debian packages"):
        return [
            _package(f"rvirtio_{VERSION}_all.deb", COMMON.format(version=VERSION), _common,
                     [PACKAGING / file for file in FILES]),
            _package(f"{name}_{VERSION}_amd64.deb", MODULES.format(name=name, version=VERSION, release=release),
                     lambda tree: _modules(tree, release, objects), [*objects, *(PACKAGING / script for script in SCRIPTS)]),
        ]


def _package(name, control, fill, parts):
    """Lays the files out as they are to be installed, and has dpkg-deb make a package of them."""
    package = FOLDER / name
    wanted = steps.key(control, *parts)
    if steps.is_current(package, wanted):
        return package
    with steps.step(f"Debian package {name}"), steps.making(package, wanted) as fresh:
        tree = FOLDER / ".tree"
        steps.remove(tree)
        _put(tree / "usr/share/doc" / control.split("\n")[0].split()[1] / "copyright", (REPO / "LICENSE").read_text(), 0o644)
        fill(tree)
        size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
        _put(tree / "DEBIAN" / "control", control.replace("Description:", f"Installed-Size: {size}\nDescription:", 1), 0o644)
        for folder in [tree, *(path for path in tree.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        steps.run_in_root(f"building {name}", ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(fresh)], "deb.log")
        steps.remove(tree)
    return package


def _common(tree):
    for name, (place, mode) in FILES.items():
        _put(tree / place, (PACKAGING / name).read_text(), mode)
    _put(tree / "DEBIAN" / "conffiles", "/etc/rvirtio/devices\n", 0o644)
    _put(tree / "DEBIAN" / "triggers", "activate-noawait update-initramfs\n", 0o644)
    _put(tree / "DEBIAN" / "postrm", (PACKAGING / "common-postrm").read_text(), 0o755)


def _modules(tree, release, objects):
    folder = tree / "usr/lib/modules" / release / "updates"
    folder.mkdir(parents=True)
    for path in objects:
        shutil.copyfile(path, folder / path.name)
        (folder / path.name).chmod(0o644)
    steps.run_in_root("stripping the modules", ["strip", "--strip-debug", *map(str, sorted(folder.iterdir()))], "deb.log")
    for name in SCRIPTS:
        _put(tree / "DEBIAN" / name, (PACKAGING / name).read_text().replace("@RELEASE@", release), 0o755)


def _put(path, text, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
