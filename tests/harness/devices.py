# SPDX-License-Identifier: GPL-2.0
"""QEMU arguments for the devices that the cases attach by themselves."""

# What a case passes to qemu-run.sh when it brings its own devices.
BARE = ("--no-disk", "--net", "none")


def _properties(properties):
    """`,a-b=on,c=3` from Python keywords."""
    words = []
    for name, value in properties.items():
        value = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
        words.append(f",{name.replace('__', '-')}={value}")
    return "".join(words)


def backing(name, path, read_only=False, **options):
    """A raw image as a block node `name`."""
    return ["-blockdev", f"driver=raw,node-name={name},read-only={'on' if read_only else 'off'},"
            f"file.driver=file,file.filename={path}{_properties(options)}"]


def blk(name, node, **properties):
    """A legacy virtio block device over `node`; `__` in a keyword stands for `-`."""
    properties.setdefault("disable__modern", True)
    return ["-device", f"virtio-blk-pci,id={name},drive={node}{_properties(properties)}"]


def disk(name, path, **properties):
    """A legacy virtio block device over an image file."""
    return backing(f"{name}-node", path) + blk(name, f"{name}-node", **properties)


def net(name, netdev, **properties):
    """A legacy virtio network device over `netdev`."""
    properties.setdefault("disable__modern", True)
    return ["-device", f"virtio-net-pci,id={name},netdev={netdev}{_properties(properties)}"]


def user_net(name, **properties):
    """A legacy virtio network device on QEMU's user network."""
    return ["-netdev", f"user,id={name}-net"] + net(name, f"{name}-net", **properties)
