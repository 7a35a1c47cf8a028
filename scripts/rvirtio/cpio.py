# SPDX-License-Identifier: GPL-2.0
"""Archives in the kernel's initramfs format (cpio newc). Several may follow each other in a file."""

import os
import stat


class Archive:
    """Writes one archive: everything belongs to root, times are left out, so equal content is equal bytes."""

    def __init__(self, out):
        self._out = out
        self._inode = 0
        self._folders = set()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._entry("TRAILER!!!", 0, b"")

    def _entry(self, name, mode, data):
        self._inode += 1
        encoded = os.fsencode(name) + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._out.write(header + b"\0" * (-len(header) % 4))
        self._out.write(data)
        self._out.write(b"\0" * (-len(data) % 4))

    def folder(self, name):
        """A folder and those above it, each once."""
        name = name.strip("/")
        if name and name not in self._folders:
            self.folder(os.path.dirname(name))
            self._folders.add(name)
            self._entry(name, stat.S_IFDIR | 0o755, b"")

    def data(self, name, data, mode=0o644):
        """A file with this content."""
        self.folder(os.path.dirname(name.strip("/")))
        self._entry(name.strip("/"), stat.S_IFREG | mode, data)

    def link(self, name, target):
        """A symbolic link."""
        self.folder(os.path.dirname(name.strip("/")))
        self._entry(name.strip("/"), stat.S_IFLNK | 0o777, os.fsencode(target))

    def file(self, name, path):
        """A copy of a host file, or of a link as a link."""
        if path.is_symlink():
            self.link(name, os.readlink(path))
        else:
            self.data(name, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))

    def tree(self, name, path):
        """A copy of a folder's content, without special files."""
        self.folder(name)
        for entry in sorted(path.iterdir()):
            inside = f"{name}/{entry.name}"
            if entry.is_dir() and not entry.is_symlink():
                self.tree(inside, entry)
            elif entry.is_symlink() or entry.is_file():
                self.file(inside, entry)
