# SPDX-License-Identifier: GPL-2.0
"""Kernels to boot and the trees modules are built in, under build/kernels (/kernels in the root).

    source/            the kernel's source, as Debian packages it
    NAME/bzImage       the kernel image
    NAME/release       its release, e.g. 7.3.4+deb13-cloud-amd64
    NAME/kdir/         the prepared build tree for modules
    NAME/lib/modules/  its own modules

`stock` is Debian's own kernel; any other NAME is built from tests/boot/kernels/NAME.config.
"""

import contextlib
import os
import re

from . import cache, steps
from .buildroot import BACKPORTS
from .steps import BUILD, Fail, REPO

KERNELS = BUILD / "kernels"
SOURCE = KERNELS / "source"
CONFIGS = REPO / "tests" / "boot" / "kernels"

# Kernels this tree has been built for and booted with. Others are used, with a line saying so.
TESTED = ("7.3.4",)

# What of the source no module and no kernel of ours is built from.
UNUSED_SOURCE = ["Documentation/*/*", "tools/testing", "arch/[a-w]*/*.[chS]", "arch/[a-w]*/*.dts*", "drivers/gpu/drm/*.[ch]",
                 "drivers/media/*.[ch]", "drivers/staging/*.[ch]", "sound/*.[ch]"]


def names():
    """Every kernel that can be asked for by name."""
    return ["stock", *sorted(path.stem for path in CONFIGS.glob("*.config"))]


def release(name):
    """The release of a kernel that was made."""
    return (KERNELS / name / "release").read_text().strip()


def ensure(name):
    """Makes the kernel `name` and its build tree unless they are there."""
    if name not in names():
        raise Fail(f"no kernel is called {name}: there are {', '.join(names())}")
    with steps.locked("stock kernel"):
        _ensure_stock()
    if name != "stock":
        with steps.locked(f"{name} kernel"):
            _ensure_built(name)


# What belongs to one version of Debian's kernel; a change here makes it anew.
_LAYOUT = steps.key("layout 1", *UNUSED_SOURCE)


def _ensure_stock():
    wanted = steps.key(_LAYOUT, steps.stamp_of(steps.ROOT).read_text())
    if steps.is_current(KERNELS / "stock", wanted) and SOURCE.exists():
        return
    KERNELS.mkdir(parents=True, exist_ok=True)
    with steps.step("kernel packages: the newest Debian has", "about 10 s"):
        kernel = _find_packages()
        _download(kernel)
    _say_if_untested(kernel["release"])
    _unpack_source(kernel)
    with _resuming(KERNELS / "stock", wanted) as tree:
        unpacked = tree / "unpacked"
        if not (unpacked.exists() and unpacked.read_text() == kernel["version"]):
            with steps.step("kernel image and modules"):
                _unpack_stock(kernel)
            unpacked.write_text(kernel["version"])
        _check_rust(tree / "kdir" / ".config")
        _prepare_stock(kernel, tree)
    steps.remove(KERNELS / "debs")


def _say_if_untested(name):
    if not name.startswith(tuple(f"{version}+" for version in TESTED)):
        steps.say(f"set-up: Debian's kernel is now {name}, which is untested here (tested: {', '.join(TESTED)})")


def _find_packages():
    """The packages that make up Debian's newest cloud kernel, and its source, by exact version."""
    steps.run_in_root("looking for Debian's kernel", ["apt-get", "update"], "kernel-packages.log")
    depends = steps.ask_root(["apt-cache", "depends", "-t", BACKPORTS, "linux-image-cloud-amd64"])
    found = re.search(r"Depends: linux-image-(\d+\.\d+\S*)", depends)
    if not found:
        raise Fail("Debian's linux-image-cloud-amd64 names no kernel: see scripts/rvirtio/kernels.py")
    name = found.group(1)
    image = steps.ask_root(["apt-cache", "show", f"linux-image-{name}"])
    version = re.search(r"^Version: (.*)$", image, re.M).group(1)
    # Debian splits a kernel over several packages, differently over time: all that carry its release.
    depends = steps.ask_root(["apt-cache", "depends", f"linux-image-{name}={version}"])
    parts = set(re.findall(rf"Depends: (linux-\S+-{re.escape(name)})$", depends, re.M))
    parts |= {f"linux-image-{name}", f"linux-headers-{name}"}
    series = re.match(r"\d+\.\d+", name).group(0)
    packages = [f"{part}={version}" for part in [*sorted(parts), f"linux-source-{series}"]]
    return {"release": name, "version": version, "packages": packages}


def _download(kernel):
    debs = KERNELS / "debs"
    debs.mkdir(exist_ok=True)
    script = f"cd /kernels/debs && apt-get -o APT::Sandbox::User=root download {' '.join(kernel['packages'])}"
    steps.shell_in_root("fetching Debian's kernel", script, "kernel-packages.log", append=True)


def _unpack_source(kernel):
    wanted = steps.key(_LAYOUT, kernel["version"])
    if steps.is_current(SOURCE, wanted):
        return
    with steps.step("kernel source", "about 20 s"), steps.making(SOURCE, wanted) as fresh:
        fresh.mkdir()
        excludes = " ".join(f"--exclude='linux-source-*/{path}'" for path in UNUSED_SOURCE)
        script = (f"dpkg-deb --fsys-tarfile /kernels/debs/linux-source-*.deb"
                  f" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz'"
                  f" | tar -xJ --strip-components=1 --no-same-owner {excludes} -C /kernels/{fresh.name};"
                  f" test -f /kernels/{fresh.name}/rust/kernel/lib.rs")
        steps.shell_in_root("unpacking the kernel source", script, "kernel-source.log")


def _unpack_stock(kernel):
    name = kernel["release"]
    script = f"""
        cd /kernels/stock
        rm -rf x kdir lib
        mkdir -p x kdir lib/modules
        for deb in ../debs/linux-*-{name}_*; do dpkg-deb -x "$deb" x; done
        image=$(ls x/boot/vmlinuz-{name} x/usr/lib/modules/{name}/vmlinuz 2>/dev/null | head -n 1)
        cp "$image" bzImage
        for modules in x/lib/modules/{name} x/usr/lib/modules/{name}; do
            if [ -d "$modules/kernel" ]; then mv "$modules" lib/modules/; fi
        done
        cp x/usr/src/linux-headers-{name}/.config x/usr/src/linux-headers-{name}/Module.symvers kdir/
        rm -rf x lib/modules/{name}/build lib/modules/{name}/source lib/modules/{name}/vmlinuz
        depmod -b . {name}
        echo {name} > release
    """
    steps.shell_in_root("unpacking Debian's kernel", script, "kernel-stock.log")


def _check_rust(config):
    """One line when this kernel cannot have Rust modules, or not with this compiler."""
    text = config.read_text()
    if "CONFIG_RUST=y" not in text:
        raise Fail(f"Debian's kernel was built without CONFIG_RUST ({config})")
    found = re.search(r"^CONFIG_RUSTC_VERSION=(\d+)$", text, re.M)
    ours = rustc_number(steps.ask_root(["rustc", "--version"]))
    if found and int(found.group(1)) != ours:
        raise Fail(f"Debian's kernel was built with rustc {rustc_words(int(found.group(1)))}, "
                   f"the build root has {rustc_words(ours)}")


def rustc_number(text):
    """`rustc 1.85.1 (...)` as the kernel counts it: 108501."""
    major, minor, patch = re.search(r"(\d+)\.(\d+)\.(\d+)", text).groups()
    return int(major) * 100000 + int(minor) * 100 + int(patch)


def rustc_words(number):
    """108501 as people read it: 1.85.1."""
    return f"{number // 100000}.{number // 100 % 1000}.{number % 100}"


def _prepare_stock(kernel, tree):
    stored = cache.Entry("stock", kernel["version"], _tools())
    if stored.restore(tree / "kdir"):
        return
    with steps.step("kernel build tree for modules", "about 80 s"):
        script = (f"make -C /kernels/source O=/kernels/stock/kdir olddefconfig;"
                  f" grep -q '^CONFIG_RUST=y' /kernels/stock/kdir/.config;"
                  f" make -C /kernels/source O=/kernels/stock/kdir -j{jobs()}"
                  f" KERNELRELEASE={kernel['release']} modules_prepare")
        steps.shell_in_root("preparing the kernel build tree", script, "kernel-stock.log", append=True)
    stored.store(tree / "kdir")


def _ensure_built(name):
    config = CONFIGS / f"{name}.config"
    wanted = steps.key(steps.stamp_of(SOURCE).read_text(), config, _tools())
    tree = KERNELS / name
    if steps.is_current(tree, wanted):
        return
    with _resuming(tree, wanted):
        stored = cache.Entry(name, wanted)
        if not stored.restore(tree):
            steps.need_space(2, f"the {name} kernel")
            with steps.step(f"{name} kernel", "once, about 10 min"):
                _build(name, config, tree)
            stored.store(tree)


def make_options(name):
    """What the configuration of a kernel of our own wants of make, for its modules, too: `# make: LLVM=1`."""
    config = CONFIGS / f"{name}.config"
    text = config.read_text() if config.exists() else ""
    return [word for line in re.findall(r"^# make: (.*)$", text, re.M) for word in line.split()]


def _build(name, config, tree):
    (tree / "kdir").mkdir(exist_ok=True)
    first = config.read_text()
    make = f"nice make -C /kernels/source O=/kernels/{name}/kdir -j{jobs()} {' '.join(make_options(name))}"
    asked = re.findall(r"^CONFIG_\w+=.*$", first, re.M)
    what = f"building the {name} kernel"
    steps.shell_in_root(what, f"{make} tinyconfig; cat {config} >> /kernels/{name}/kdir/.config;"
                        f" {make} olddefconfig", f"kernel-{name}.log")
    got = (tree / "kdir" / ".config").read_text().splitlines()
    missing = [line for line in asked if line not in got and not line.endswith("=n")]
    if missing:
        raise Fail(f"this kernel does not take {', '.join(missing)} of {config.relative_to(REPO)}")
    script = f"""
        {make} bzImage modules
        cd /kernels/{name}
        cp kdir/arch/x86/boot/bzImage bzImage
        cp kdir/include/config/kernel.release release
        rm -rf lib
        {make} INSTALL_MOD_PATH=/kernels/{name} modules_install
        rm -f lib/modules/*/build
        find kdir -path kdir/scripts -prune -o '(' -name '*.o' -o -name '*.a' -o -name '.*.o.cmd' ')' -exec rm -f '{{}}' +
        rm -f kdir/vmlinux* kdir/.tmp_vmlinux* kdir/arch/x86/boot/compressed/vmlinux*
    """
    steps.shell_in_root(what, script, f"kernel-{name}.log", append=True)


def _tools():
    """What a built tree depends on besides its source and configuration."""
    return steps.ask_root(["sh", "-c", "rustc --version; gcc --version | head -n 1; bindgen --version"])


def jobs():
    """As many as there are processors for us."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _resuming(product, wanted):
    """Like steps.making, in place: make takes an interrupted build up where it stopped."""
    begun = product.parent / f".{product.name}.begun"
    if not (begun.exists() and begun.read_text() == wanted):
        steps.stamp_of(product).unlink(missing_ok=True)
        steps.remove(product)
        begun.write_text(wanted)
    product.mkdir(exist_ok=True)
    yield product
    steps.stamp_of(product).write_text(wanted)
    begun.unlink()
