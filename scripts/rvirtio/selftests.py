# SPDX-License-Identifier: GPL-2.0
"""The network's selftests of the kernel that is booted, under build/kernels/selftests: sources that a case compiles and runs.

They are part of the kernel's source that nothing else needs, and are taken from Debian's package of it.
"""

from . import cache, kernels, steps

SELFTESTS = kernels.KERNELS / "selftests"
PARTS = ["*.h", "kselftest/*", "net/*.[ch]", "net/*.sh", "net/lib/*.[ch]"]


def ensure():
    """Makes the folder unless it is there, for the kernel that is there."""
    kernels.ensure("stock")
    version = (kernels.KERNELS / "stock" / "unpacked").read_text()
    wanted = steps.key(version, *PARTS)
    with steps.locked("selftests"):
        if steps.is_current(SELFTESTS, wanted):
            return
        stored = cache.Entry("selftests", wanted)
        with steps.making(SELFTESTS, wanted) as fresh:
            fresh.mkdir()
            if not stored.restore(fresh):
                with steps.step("the kernel's selftests", "about 20 s"):
                    _unpack(version, fresh)
                stored.store(fresh)


def _unpack(version, fresh):
    series = ".".join(version.split(".")[:2])
    parts = " ".join(f"'linux-source-*/tools/testing/selftests/{part}'" for part in PARTS)
    script = (f"mkdir -p /kernels/{fresh.name}.deb && cd /kernels/{fresh.name}.deb && apt-get update >/dev/null"
              f" && apt-get -o APT::Sandbox::User=root download linux-source-{series}={version}"
              f" && dpkg-deb --fsys-tarfile linux-source-*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz'"
              f" | tar -xJ --strip-components=4 --no-same-owner --no-wildcards-match-slash --wildcards -C /kernels/{fresh.name} {parts};"
              f" rm -rf /kernels/{fresh.name}.deb; test -f /kernels/{fresh.name}/net/lib/csum.c")
    steps.shell_in_root("unpacking the kernel's selftests", script, "selftests.log")
