# SPDX-License-Identifier: GPL-2.0
"""The disk's limits in sysfs equal those of Linux's own driver for the same device.

Pairs of equal devices, one with our driver and one with Linux's, over ring sizes, block sizes and
with or without a write cache, discard and write zeroes. So does the geometry that partitioning tools see.

Rows: B2 B4 B6 B10 B13 B14 B40 B41 B48
"""

from harness import devices

PLAIN = {"num__queues": 1}
KINDS = {
    "ring4": {"queue__size": 4},
    "ring256": {"queue__size": 256},
    "ring1024": {"queue__size": 1024},
    "block4k": {"logical_block_size": 4096, "physical_block_size": 4096},
    "plain": {"discard": False, "write__zeroes": False},
    "geometry": {"cyls": 100, "heads": 5, "secs": 17},
    "through": {"config__wce": False, "write__cache": "off"},
}
# Where ours differs, on purpose: the indirect table of a request is one page, made beforehand.
DIFFERENT = {("ring1024", "max_segments"): "254"}
SAME = """add_random chunk_sectors dax discard_max_bytes discard_max_hw_bytes dma_alignment fua hw_sector_size io_poll
logical_block_size max_hw_sectors_kb max_segment_size max_segments max_sectors_kb minimum_io_size nomerges
optimal_io_size physical_block_size rotational stable_writes virt_boundary_mask write_cache write_zeroes_max_bytes
zoned""".split()


def run(t):
    """Pairs of disks, half of them ours."""
    qemu, slots = [], []
    for number, (kind, properties) in enumerate(KINDS.items()):
        for side, slot in (("ours", 4 + 2 * number), ("linux", 5 + 2 * number)):
            name = f"{kind}-{side}"
            qemu += devices.disk(name, t.disk(f"{name}.img", 16 << 20), addr=hex(slot), **PLAIN, **properties)
        slots.append(f"{4 + 2 * number:02x}.0")
    driver = "override:" + ",".join(slots) if t.rust else "c"
    with t.boot(args=devices.BARE, qemu=qemu, driver=driver) as g:
        different = []
        for kind in KINDS:
            sides = {}
            for side in ("ours", "linux"):
                address = g.pci(f"{kind}-{side}")
                if t.rust:
                    wanted = "rvirtio_blk" if side == "ours" else "virtio-pci"
                    t.equal(g.sh(f"driver_of {address}"), wanted, f"{kind}-{side}: driver")
                text = g.sh(f"cd /sys/block/$(disk_of {address})/queue; for name in {' '.join(SAME)}; do "
                            "[ -e $name ] && echo $name: $(cat $name); done; echo size: $(cat ../size); "
                            "echo range: $(cat ../range); echo ro: $(cat ../ro); "
                            f"echo geometry: $(fdisk -l /dev/$(disk_of {address}) | grep ' heads,')")
                t.check("geometry: " in text, f"{kind}: no geometry: {text}")
                sides[side] = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
            t.check(len(sides["linux"]) > 20, f"{kind}: only {len(sides['linux'])} limits to compare")
            for name, value in sides["linux"].items():
                wanted, got = DIFFERENT.get((kind, name), value) if t.rust else value, sides["ours"].get(name)
                if got != wanted:
                    different.append(f"{kind}: {name} is {got}, wanted {wanted}")
        t.check(not different, "; ".join(different[:4]))
