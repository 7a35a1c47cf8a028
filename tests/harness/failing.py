# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail on purpose, on a kernel with fault injection."""

PLACE = "/sys/kernel/debug"
TIMES = 1_000_000_000


def begin(g, what, module, percent):
    """Has allocations (`failslab` or `fail_page_alloc`) fail that have a function of the module on their stack."""
    g.sh(f"""
        [ -d {PLACE}/{what} ] || mount -t debugfs none {PLACE}
        cd {PLACE}/{what}
        text=$(cat /sys/module/{module}/sections/.text)
        echo $text >require-start
        # Modules are in the highest 2 GiB, and the shell counts with a sign.
        printf '0xffffffff%08x' $((0x${{text#0xffffffff}} + $(cat /sys/module/{module}/coresize))) >require-end
        # Those that may wait, and those of caches that may be given up, too.
        for file in ignore-gfp-wait cache-filter; do if [ -e $file ]; then echo N >$file; fi; done
        if [ -e min-order ]; then echo 0 >min-order; fi
        echo 0 >verbose; echo 1 >interval; echo {TIMES} >times; echo {percent} >probability
        """)


def end(g, what):
    """Has none fail any more; gives how many have."""
    return TIMES - int(g.sh(f"cd {PLACE}/{what} && echo 0 >probability && cat times"))
