# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator in a guest, which can send one packet many times."""

CONTROL = "/proc/net/pktgen/pgctrl"


def prepare(nic, **settings):
    """A script that has its first thread send by that interface: each setting as the generator calls it."""
    lines = [f"{name} {value}" for name, value in settings.items()]
    return "\n".join(["modprobe pktgen",
                      "echo rem_device_all >/proc/net/pktgen/kpktgend_0",
                      f"echo add_device {nic} >/proc/net/pktgen/kpktgend_0",
                      *(f"echo '{line}' >/proc/net/pktgen/{nic}" for line in lines)])
