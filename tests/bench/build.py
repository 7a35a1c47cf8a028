# SPDX-License-Identifier: GPL-2.0
"""The benchmark's C programs: the counting plugin for QEMU, the guest's load, the far end of its wire."""

from pathlib import Path

from rvirtio import steps
from rvirtio.steps import BUILD

HERE = Path(__file__).resolve().parent
OUT = BUILD / "bench"
OVERLAY = OUT / "overlay"

# Product, its sources, and how it is linked.
PROGRAMS = (
    (OUT / "count.so", ("count.c",), "-fPIC -shared -fvisibility=hidden"),
    (OVERLAY / "bench" / "load", ("load.c", "load_disk.c", "load_poll.c", "load_network.c", "load_symbols.c"), "-static -pthread"),
    (OUT / "wire", ("wire.c",), "-static"),
)


def ensure():
    """Builds what is missing or has changed."""
    sources = sorted(HERE.glob("*.[ch]"))
    for product, names, words in PROGRAMS:
        wanted = steps.key(steps.stamp_of(steps.ROOT).read_text(), words, *sources)
        if not steps.is_current(product, wanted):
            with steps.step(f"benchmark: {product.name}"), steps.making(product, wanted) as fresh:
                argv = ["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", *words.split(), "-o", str(fresh)]
                steps.run_in_root(f"building {product.name}", [*argv, *(str(HERE / name) for name in names)], "bench.log")
