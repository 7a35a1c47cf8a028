// SPDX-License-Identifier: GPL-2.0

//! Where the sectors are: in a file, in memory, or nowhere.

use std::{
    fs::File,
    io::{
        self,
        Seek,
        SeekFrom, //
    },
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    },
};

use crate::{
    queue::Segments,
    sys,
    virtio::blk::SECTOR_BYTES, //
};

const SECTOR: u64 = SECTOR_BYTES as u64;

/// Zeroes, for file systems that cannot make any by themselves.
static ZEROES: [u8; 65536] = [0; 65536];

enum Medium {
    File(File),
    /// Reads zeroes and forgets what is written.
    Null,
}

/// A disk.
pub struct Disk {
    medium: Medium,
    sectors: AtomicU64,
    read_only: bool,
}

impl Disk {
    /// Opens a raw image or a block device, and locks it against other emulators.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or locked, or has no sectors.
    pub fn open(path: &Path, read_only: bool) -> io::Result<Self> {
        let file = File::options().read(true).write(!read_only).open(path)?;
        sys::lock(&file, read_only).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(error.kind(), "somebody else uses it"),
            _ => error,
        })?;
        let sectors = sectors_of(&file)?;
        if sectors == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is smaller than a sector",
            ));
        }
        Ok(Self {
            medium: Medium::File(file),
            sectors: sectors.into(),
            read_only,
        })
    }

    /// A disk in memory, of `size` bytes, which takes the memory that is written.
    ///
    /// # Errors
    ///
    /// When there is no such memory.
    pub fn memory(size: u64, read_only: bool) -> io::Result<Self> {
        let file = sys::memory_file(size)?;
        Ok(Self {
            medium: Medium::File(file),
            sectors: (size / SECTOR).into(),
            read_only,
        })
    }

    /// A disk of `size` bytes that keeps nothing.
    pub fn null(size: u64, read_only: bool) -> Self {
        Self {
            medium: Medium::Null,
            sectors: (size / SECTOR).into(),
            read_only,
        }
    }

    /// Its size.
    pub fn sectors(&self) -> u64 {
        self.sectors.load(Ordering::Relaxed)
    }

    /// Whether it is never written.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Looks at the size again; returns whether it has changed.
    ///
    /// # Errors
    ///
    /// When the file cannot say.
    pub fn refresh(&self) -> io::Result<bool> {
        match &self.medium {
            Medium::File(file) => {
                let sectors = sectors_of(file)?;
                Ok(self.sectors.swap(sectors, Ordering::Relaxed) != sectors)
            }
            Medium::Null => Ok(false),
        }
    }

    /// Whether `bytes` from `sector` on are whole sectors of the disk.
    pub fn contains(&self, sector: u64, bytes: u64) -> bool {
        bytes % SECTOR == 0
            && sector
                .checked_add(bytes / SECTOR)
                .is_some_and(|end| end <= self.sectors())
    }

    /// Reads `len` bytes into the start of `into`.
    ///
    /// # Errors
    ///
    /// Those of the file, as for all that follows.
    pub fn read(&self, sector: u64, into: &Segments<'_>, len: usize) -> io::Result<()> {
        match &self.medium {
            Medium::File(file) => sys::read_at(file, into.pieces(0, len), sector * SECTOR),
            Medium::Null => {
                into.zero(0, len);
                Ok(())
            }
        }
    }

    /// Writes all bytes of `from` behind the first `skip`.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn write(&self, sector: u64, from: &Segments<'_>, skip: usize) -> io::Result<()> {
        match &self.medium {
            Medium::File(file) => {
                sys::write_at(file, from.pieces(skip, from.len() - skip), sector * SECTOR)
            }
            Medium::Null => Ok(()),
        }
    }

    /// Brings everything that was written to stable storage.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn flush(&self) -> io::Result<()> {
        match &self.medium {
            Medium::File(file) => file.sync_data(),
            Medium::Null => Ok(()),
        }
    }

    /// Forgets sectors, where that is possible.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn discard(&self, sector: u64, sectors: u64) -> io::Result<()> {
        let Medium::File(file) = &self.medium else {
            return Ok(());
        };
        match sys::deallocate(file, sector * SECTOR, sectors * SECTOR) {
            // It is a wish.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes sectors read as zeroes; `unmap` allows to give their space back.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn write_zeroes(&self, sector: u64, sectors: u64, unmap: bool) -> io::Result<()> {
        let Medium::File(file) = &self.medium else {
            return Ok(());
        };
        let (offset, len) = (sector * SECTOR, sectors * SECTOR);
        let outcome = if unmap {
            sys::deallocate(file, offset, len)
        } else {
            sys::zero(file, offset, len)
        };
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                overwrite(file, offset, len)
            }
            outcome => outcome,
        }
    }

    /// Overwrites sectors with zeroes on stable storage.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn erase(&self, sector: u64, sectors: u64) -> io::Result<()> {
        if let Medium::File(file) = &self.medium {
            overwrite(file, sector * SECTOR, sectors * SECTOR)?;
        }
        self.flush()
    }
}

fn sectors_of(mut file: &File) -> io::Result<u64> {
    // A block device tells its size in this way alone.
    Ok(file.seek(SeekFrom::End(0))? / SECTOR)
}

fn overwrite(file: &File, mut offset: u64, mut len: u64) -> io::Result<()> {
    while len > 0 {
        // CAST: Both ways within the table of zeroes.
        let part = len.min(ZEROES.len() as u64);
        file.write_all_at(&ZEROES[..part as usize], offset)?;
        offset += part;
        len -= part;
    }
    Ok(())
}
