# SPDX-License-Identifier: GPL-2.0
"""A TFTP server (RFC 1350) as a program, in a network namespace of its own."""

# Its arguments are the address and the folder whose files it gives, in blocks of 512 bytes, one client after the other.
# A block that is not acknowledged in time is sent again.
SERVER = """
import pathlib, socket, struct, sys
DATA, ACK = 3, 4
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 69))

def give(client, data):
    client.settimeout(1)
    for number, start in enumerate(range(0, len(data) + 1, 512), 1):
        for _ in range(20):
            client.send(struct.pack("!HH", DATA, number) + data[start:start + 512])
            try:
                if struct.unpack("!HH", client.recv(516)[:4]) == (ACK, number):
                    break
            except (TimeoutError, ConnectionError):
                pass
        else:
            return

while True:
    request, peer = server.recvfrom(2048)
    operation, name = request[:2], request[2:].split(bytes(1))[0].decode()
    path = pathlib.Path(sys.argv[2], pathlib.PurePath(name).name)
    if operation != bytes((0, 1)) or not path.is_file():
        continue
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((sys.argv[1], 0))
        client.connect(peer)
        give(client, path.read_bytes())
"""
