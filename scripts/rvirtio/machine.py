# SPDX-License-Identifier: GPL-2.0
"""From the options of the run command to a QEMU command line."""

import json
import os
import re

from .steps import Fail

# Devices sit at fixed places: the network card first, then the disks in their order.
NET_SLOT = 3
FIRST_DISK_SLOT = 4
LAST_SLOT = {"pc": 30, "q35": 28}

# Feature names, as in the specification without its prefix, and QEMU's property for each.
COMMON_FEATURES = {
    "NOTIFY_ON_EMPTY": "notify_on_empty", "ANY_LAYOUT": "any_layout",
    "RING_INDIRECT_DESC": "indirect_desc", "INDIRECT_DESC": "indirect_desc",
    "RING_EVENT_IDX": "event_idx", "EVENT_IDX": "event_idx",
}
BLOCK_FEATURES = {"CONFIG_WCE": "config-wce", "DISCARD": "discard", "WRITE_ZEROES": "write-zeroes"}
NET_FEATURES = {name: name.lower() for name in
                """CSUM GUEST_CSUM GUEST_TSO4 GUEST_TSO6 GUEST_ECN GUEST_UFO HOST_TSO4 HOST_TSO6 HOST_ECN
                HOST_UFO MRG_RXBUF STATUS CTRL_VQ CTRL_RX CTRL_VLAN CTRL_RX_EXTRA CTRL_MAC_ADDR
                CTRL_GUEST_OFFLOADS GUEST_ANNOUNCE MQ GSO RSS""".split()}


def feature_words(text):
    """Sign and name, as in the tables above, of each word of `+NAME,-NAME`."""
    for word in filter(None, (text or "").split(",")):
        sign, name = word[0], re.sub(r"^VIRTIO_(F|RING_F|BLK_F|NET_F)_", "", word[1:].upper())
        name = name.replace("-", "_")
        if sign not in "+-":
            raise Fail(f"--features {word}: each name starts with + or -")
        if name not in {**COMMON_FEATURES, **BLOCK_FEATURES, **NET_FEATURES}:
            names = ", ".join(sorted({**COMMON_FEATURES, **BLOCK_FEATURES, **NET_FEATURES}))
            raise Fail(f"--features {word}: QEMU cannot switch that; it knows {names}")
        yield sign, name


def feature_properties(text, known):
    """`+NAME,-NAME` as QEMU properties, as far as this kind of device knows the names."""
    return {known[name]: "on" if sign == "+" else "off" for sign, name in feature_words(text) if name in known}


def escape(text):
    """A value inside a QEMU option: commas are doubled."""
    return str(text).replace(",", ",,")


def _device(driver, slot, **properties):
    """A legacy virtio device on the root bus, where I/O port BARs work on both machines."""
    words = [driver, "disable-modern=on", "disable-legacy=off", f"addr=0x{slot:x}"]
    words += [f"{name.replace('__', '-')}={escape(value)}" for name, value in properties.items() if value is not None]
    return ["-device", ",".join(words)]


def disk_format(path):
    """raw, or qcow2 by its magic number."""
    with open(path, "rb") as image:
        return "qcow2" if image.read(4) == b"QFI\xfb" else "raw"


def disks(options):
    """The disks' back ends and devices."""
    argv = []
    features = feature_properties(options.features, {**COMMON_FEATURES, **BLOCK_FEATURES})
    for number, disk in enumerate(options.disks):
        kind = "host_device" if disk.path.is_block_device() else "file"
        node = {"driver": disk_format(disk.path), "node-name": f"disk{number}", "read-only": not disk.writable,
                "file": {"driver": kind, "filename": str(disk.path)}, "discard": "unmap"}
        argv += ["-blockdev", json.dumps(node)]
        argv += _device("virtio-blk-pci", FIRST_DISK_SLOT + number, id=f"blk{number}", drive=f"disk{number}",
                        serial=f"rvirtio-{number}", vectors=options.vectors, num__queues=options.queues, **features)
    return argv


def network(options):
    """The network card's back end and device."""
    if options.net == "none":
        return []
    features = feature_properties(options.features, {**COMMON_FEATURES, **NET_FEATURES})
    if options.net == "user":
        backend = "user,id=net0"
    else:
        backend = f"tap,id=net0,ifname={escape(options.net[4:])},script=no,downscript=no"
        if options.queues and options.queues > 1:
            backend += f",queues={options.queues}"
            features.setdefault("mq", "on")
    return ["-netdev", backend, *_device("virtio-net-pci", NET_SLOT, id="nic0", netdev="net0", romfile="",
                                         mac="52:54:00:12:34:56", vectors=options.vectors, **features)]


def accelerator(wanted):
    """tcg or kvm. /dev/kvm may exist and open where guests cannot run: the processor's flags decide."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as text:
        capable = re.search(r"^flags\s*:.*\b(vmx|svm)\b", text.read(), re.M) is not None
    usable = capable and os.access("/dev/kvm", os.R_OK | os.W_OK)
    if wanted == "kvm" and not usable:
        if not os.path.exists("/dev/kvm"):
            raise Fail("--accel kvm: there is no /dev/kvm here")
        if not capable:
            raise Fail("--accel kvm: /dev/kvm is there but unusable, the processor has neither vmx nor svm")
        raise Fail("--accel kvm: /dev/kvm cannot be opened: is this user in the group kvm?")
    return "kvm" if usable and wanted != "tcg" else "tcg"


def kernel_command_line(options):
    """The kernel's command line."""
    words = ["console=ttyS0", "panic=-1", "nokaslr", "mitigations=off", "random.trust_cpu=on", "tsc=reliable"]
    # On a busy host the emulated timer may miss the moment in which the kernel looks whether it ticks.
    words.append("no_timer_check")
    words.append("loglevel=7" if options.exec is not None or options.verbose else "loglevel=4 quiet")
    if options.driver == "rust":
        words.append("initcall_blacklist=virtio_pci_driver_init")
    words.append("rdinit=/init")
    return " ".join(words + options.append)


def command(options, qemu_version, kernel_image, initrd, serials, devices=None):
    """The whole QEMU command line; `serials` names the four ports' character devices, `devices` who serves the virtio
    devices instead of QEMU."""
    if FIRST_DISK_SLOT + len(options.disks) - 1 > LAST_SLOT[options.machine]:
        raise Fail(f"too many disks for the {options.machine} machine's bus")
    accel = accelerator(options.accel)
    argv = ["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-machine", f"{options.machine},accel={accel}", "-cpu", "host" if accel == "kvm" else "max,la57=off",
            "-smp", str(options.smp), "-m", str(options.memory),
            "-kernel", str(kernel_image), "-initrd", str(initrd), "-append", kernel_command_line(options)]
    for number, chardev in enumerate(serials):
        argv += ["-chardev", f"{chardev},id=port{number}", "-serial", f"chardev:port{number}"]
    if options.exec is None:
        argv += ["-mon", "chardev=port0"]
    if qemu_version >= (10, 2):
        argv += ["-run-with", "exit-with-parent=on"]
    if options.qmp:
        argv += ["-qmp", f"unix:{escape(options.qmp)},server=on,wait=off"]
    argv += devices.qemu() if devices else network(options) + disks(options)
    return argv + options.qemu_arguments
