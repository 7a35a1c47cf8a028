# SPDX-License-Identifier: GPL-2.0
"""Programs of the host's Rust packages with a sanitizer or a fuzzer in them.

The compiler knows how to put them in, but asks for its own nightly switch; their run-time libraries are
clang's of the same LLVM, so that clang does the linking. ThreadSanitizer is left out: it does not know
fences, which the queue and the standard library's counted pointers are made of, and would need a standard
library built for it.
"""

from .case import BUILD

# Only with a target named are these flags kept from the build's own programs.
TARGET = "x86_64-unknown-linux-gnu"

# AddressSanitizer, and for the fuzzer counts of the edges that were taken and what is compared with what: one set of flags,
# so that what both share is built once.
FLAGS = ("-Zsanitizer=address", "-Zexternal-clangrt", "-Clinker=clang", "-Clink-arg=-fsanitize=address", "-Cpasses=sancov-module",
         *(f"-Cllvm-args=-sanitizer-coverage-{what}"
           for what in ("level=4", "inline-8bit-counters", "pc-table", "trace-compares")))
PLACE = BUILD / "instrumented"


def environment():
    """What cargo needs to know; less is optimized, as that takes longer than it saves."""
    return {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": " ".join(FLAGS), "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
            "CARGO_PROFILE_DEV_DEBUG": "line-tables-only"}
