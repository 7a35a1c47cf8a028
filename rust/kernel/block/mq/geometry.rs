// SPDX-License-Identifier: GPL-2.0

//! Cylinders, heads and sectors, for boot loaders and partitioning tools that ask for them.
//!
//! C header: [`include/uapi/linux/hdreg.h`](srctree/include/uapi/linux/hdreg.h)

use core::{
    ffi::c_void,
    ptr, //
};

use crate::kernel_ext::bindings;

/// The geometry of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Cylinders.
    pub cylinders: u16,
    /// Heads of a cylinder.
    pub heads: u8,
    /// Sectors of a track, of 512 bytes.
    pub sectors: u8,
}

impl Geometry {
    /// What disks without a geometry say that they have, as Linux's `sd` does.
    const USUAL_HEADS: u8 = 1 << 6;
    const USUAL_SECTORS: u8 = 1 << 5;
    /// Log2 of the sectors of a usual cylinder.
    const USUAL_CYLINDER_SHIFT: u32 = 11;

    /// The geometry as the private data of a disk.
    ///
    /// The question may come from somebody who still has a removed disk open, when nothing of the
    /// driver is left: what answers it is in the disk itself, and a null pointer is no geometry.
    pub(super) fn into_private_data(self) -> *mut c_void {
        let [low, high] = self.cylinders.to_le_bytes();
        let packed = u32::from_le_bytes([low, high, self.heads, self.sectors]);

        // CAST: Widening.
        ptr::without_provenance_mut(packed as usize)
    }

    fn from_private_data(data: *mut c_void) -> Option<Self> {
        // CAST: What `into_private_data()` put in.
        let [low, high, heads, sectors] = (data.addr() as u32).to_le_bytes();

        (!data.is_null()).then_some(Self {
            cylinders: u16::from_le_bytes([low, high]),
            heads,
            sectors,
        })
    }

    /// The usual geometry of a disk of `capacity` sectors; the cylinders are cut off, as in C.
    fn usual(capacity: u64) -> Self {
        Self {
            // CAST: The field has no more room.
            cylinders: (capacity >> Self::USUAL_CYLINDER_SHIFT) as u16,
            heads: Self::USUAL_HEADS,
            sectors: Self::USUAL_SECTORS,
        }
    }
}

/// # Safety
///
/// Only called by the block layer, with a disk whose private data is that of a [`Geometry`] or
/// null, and a structure to fill.
pub(super) unsafe extern "C" fn getgeo_callback(
    disk: *mut bindings::gendisk,
    geo: *mut kernel::bindings::hd_geometry,
) -> kernel::ffi::c_int {
    // SAFETY: The disk is open, so it and its whole-disk partition are alive; the private data was
    // set before the disk was added.
    let (data, capacity) = unsafe { ((*disk).private_data, (*(*disk).part0).bd_nr_sectors) };
    let found = Geometry::from_private_data(data).unwrap_or_else(|| Geometry::usual(capacity));

    // The kernel's own bindings know the structure by name alone.
    let geo = geo.cast::<bindings::hd_geometry>();
    // SAFETY: The structure is the caller's, for us to fill; `start` stays as it is.
    unsafe {
        (*geo).heads = found.heads;
        (*geo).sectors = found.sectors;
        (*geo).cylinders = found.cylinders;
    }
    0
}
