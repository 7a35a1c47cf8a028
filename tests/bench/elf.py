# SPDX-License-Identifier: GPL-2.0
"""Where a loaded module's functions are: the file's symbols, and the addresses the guest has put its sections at."""

import lzma
import struct

SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
SYMTAB = 2
FUNCTION = 2


def _string(table, offset):
    return table[offset:table.index(b"\0", offset)].decode()


def functions(module, path, sections):
    """Address, name, module and bytes of each function; `sections` has lines `NAME ADDRESS`."""
    data = path.read_bytes()
    data = lzma.decompress(data) if path.suffix == ".xz" else data
    start, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 60)
    headers = [SECTION.unpack_from(data, start + number * SECTION.size) for number in range(count)]

    def content(header):
        return data[header[4]:header[4] + header[5]]

    at = dict(line.split() for line in sections.splitlines())
    labels = [_string(content(headers[names]), header[0]) for header in headers]
    base = {number: int(at[label], 16) for number, label in enumerate(labels) if label in at}
    for header in headers:
        if header[1] != SYMTAB:
            continue
        strings = content(headers[header[6]])
        for name, info, _, section, value, size in SYMBOL.iter_unpack(content(header)):
            if info & 15 == FUNCTION and section in base:
                yield base[section] + value, _string(strings, name), module, size
