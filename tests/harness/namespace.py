# SPDX-License-Identifier: GPL-2.0
"""A network namespace of a case's own, with tap interfaces in it: QEMU is started there, servers listen there."""

import ctypes
import shlex
import socket
import subprocess
import threading

from .case import ROOT

CLONE_NEWNET = 0x40000000


class Namespace:
    """`with Namespace("10.0.2.2/24", several=True) as space`: needs root. `several`: a tap has several queues. More than
    one tap are ports of a bridge, which has the address then."""

    def __init__(self, address, several=False, taps=1):
        more = " multi_queue" if several else ""
        top = "br0" if taps > 1 else "tap0"
        steps = ["ip link set lo up"]
        if taps > 1:
            # Every port gets what is for groups, whether or not somebody was heard joining them.
            steps.append(f"ip link add {top} type bridge mcast_snooping 0")
        for tap in range(taps):
            steps.append(f"ip tuntap add dev tap{tap} mode tap{more}")
            if taps > 1:
                steps += [f"ip link set tap{tap} master {top}", f"ip link set tap{tap} up"]
        steps += [f"ip addr add {address} dev {top}", f"ip link set {top} up"]
        self._steps = "; ".join(steps)
        self._process = None

    def __enter__(self):
        script = f"scripts/in-root sh -ec {shlex.quote(self._steps)} >&2 && echo ready && exec cat"
        self._process = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", script], cwd=ROOT,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            self.__exit__()
            raise OSError("the network namespace could not be set up")
        return self

    def __exit__(self, *_):
        self._process.communicate(timeout=10)
        return False

    @property
    def _path(self):
        return f"/proc/{self._process.pid}/ns/net"

    @property
    def enter(self):
        """What starts a command in the namespace."""
        return ["nsenter", f"--net={self._path}", "--"]

    def netdev(self, name, queues=1, tap=0):
        """QEMU's arguments for a tap interface as a network back end; QEMU is to be started in the namespace."""
        return ["-netdev", f"tap,id={name},ifname=tap{tap},script=no,downscript=no,vhost=off,queues={queues}"]

    def server(self, address, port=0):
        """A TCP socket that listens in the namespace."""
        made = []

        def make():
            # This thread alone goes there; a socket stays where it was made.
            libc = ctypes.CDLL(None, use_errno=True)
            with open(self._path, "rb") as there:
                if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_server((address, port)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise OSError("no socket in the network namespace")
        return made[0]
