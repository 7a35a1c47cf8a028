# SPDX-License-Identifier: GPL-2.0
"""The host's end of the network jobs: a network namespace with a tap interface for each driver, and servers in it."""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

from rvirtio.steps import IN_ROOT

from . import build
from .jobs import DRAIN, ECHO, SINK, SOURCE

CLONE_NEWNET = 0x40000000
GUEST_MAC = "52:54:00:62:00:{:02x}"
HOST_MAC = "02:00:00:62:00:{:02x}"


def available():
    """Whether this process may make a network namespace with interfaces."""
    return os.geteuid() == 0 and os.access("/dev/net/tun", os.R_OK | os.W_OK)


def host(number):
    """The host's address on the wire of a card."""
    return f"10.9.{number}.1"


def guest(number):
    """The guest's address there."""
    return f"10.9.{number}.2"


def mac(number):
    """The host's hardware address there."""
    return HOST_MAC.format(number)


def enter(cards):
    """Moves this process into a network namespace of its own, with loopback and a tap for each card."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    steps = ["ip link set lo up"]
    for number in range(cards):
        tap = f"tap{number}"
        steps += [f"ip tuntap add dev {tap} mode tap vnet_hdr", f"echo 1 >/proc/sys/net/ipv6/conf/{tap}/disable_ipv6 || true",
                  f"ip link set {tap} address {mac(number)}", f"ip addr add {host(number)}/24 dev {tap}",
                  f"ip link set {tap} up",
                  f"ip neigh add {guest(number)} lladdr {GUEST_MAC.format(number)} nud permanent dev {tap}"]
    subprocess.run([IN_ROOT, "sh", "-ec", "\n".join(steps)], check=True, timeout=20)


def qemu(name, number, addr):
    """QEMU's arguments for a card on its tap."""
    return ["-netdev", f"tap,id={name}-tap,ifname=tap{number},script=no,downscript=no,vhost=off",
            "-device", f"virtio-net-pci,id={name},netdev={name}-tap,disable-modern=on,addr={addr},romfile=,"
            f"mac={GUEST_MAC.format(number)}"]


def in_guest(nic, number):
    """The guest's script that gives a card its address; nobody is asked where the host is."""
    return (f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6\n"
            f"ip addr add {guest(number)}/24 dev {nic}\nip link set {nic} up\n"
            f"ip neigh replace {host(number)} lladdr {mac(number)} nud permanent dev {nic}")


class Servers:
    """What answers the guest: a sink and an echo for datagrams, a source and a drain for streams."""

    def __enter__(self):
        self._sockets = []
        # Never read: when its buffer is full, the rest is dropped.
        self._udp(SINK).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._thread(self._echo, self._udp(ECHO))
        self._thread(self._accept, self._tcp(SOURCE), self._give)
        self._thread(self._accept, self._tcp(DRAIN), self._take)
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            each.close()
        return False

    @staticmethod
    def _thread(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _udp(self, port):
        new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        new.bind(("", port))
        self._sockets.append(new)
        return new

    def _tcp(self, port):
        new = socket.create_server(("", port))
        self._sockets.append(new)
        return new

    @staticmethod
    def _echo(server):
        with contextlib.suppress(OSError):
            while True:
                data, peer = server.recvfrom(65536)
                server.sendto(data, peer)

    def _accept(self, server, work):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                self._thread(work, connection)

    @staticmethod
    def _give(connection):
        data = bytes(1 << 20)
        with contextlib.suppress(OSError), connection:
            while True:
                connection.sendall(data)

    @staticmethod
    def _take(connection):
        with contextlib.suppress(OSError), connection:
            while connection.recv(1 << 20):
                pass


@contextlib.contextmanager
def sending(number, words):
    """The program `wire` on a card's tap, as long as the context lasts."""
    if not words:
        yield
        return
    with subprocess.Popen([build.OUT / "wire", f"tap{number}", *map(str, words)]) as process:
        try:
            yield
        finally:
            process.kill()
