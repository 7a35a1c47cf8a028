// SPDX-License-Identifier: GPL-2.0

//! Disks.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    },
};

use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    fmt::{
        self,
        Write, //
    },
    module::this_module,
    prelude::*,
    static_lock_class,
    str::NullTerminatedFormatter,
    sync::Arc,
    types::Opaque, //
};

use super::{
    attribute::AttributeList,
    geometry::{
        getgeo_callback,
        Geometry, //
    },
    limits::QueueLimits,
    operations::Operations,
    tag_set::TagSet, //
};
use crate::kernel_ext::bindings;

/// A disk of a driver, `struct gendisk`.
///
/// # Invariants
///
/// A reference is to a disk that [`NewDisk::new`] allocated for `T` and that has not been removed.
#[repr(transparent)]
pub struct Disk<T: Operations>(Opaque<bindings::gendisk>, PhantomData<fn() -> T>);

impl<T: Operations> Disk<T> {
    /// Makes a reference from a raw pointer.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `'a`.
    pub(super) unsafe fn from_raw<'a>(disk: *mut bindings::gendisk) -> &'a Self {
        // SAFETY: `Self` is a transparent wrapper; the caller vouches for the pointer.
        unsafe { &*disk.cast() }
    }

    fn as_ptr(&self) -> *mut bindings::gendisk {
        self.0.get()
    }

    pub(super) fn queue(&self) -> *mut bindings::request_queue {
        // SAFETY: By the type invariant the disk is alive, and it keeps its queue.
        unsafe { (*self.as_ptr()).queue }
    }

    /// The driver's data.
    pub fn queue_data(&self) -> &T::QueueData {
        // SAFETY: `NewDisk::new()` set `queuedata` to data that lives until the disk is removed.
        unsafe { &*(*self.queue()).queuedata.cast::<T::QueueData>() }
    }

    /// The disk's name.
    pub fn name(&self) -> &CStr {
        // SAFETY: The name was set, with a NUL, before the disk was shared.
        unsafe { CStr::from_char_ptr((*self.as_ptr()).disk_name.as_ptr()) }
    }

    /// Changes the limits of a disk in use; requests wait meanwhile.
    pub fn update_limits(&self, change: impl FnOnce(QueueLimits) -> QueueLimits) -> Result {
        // SAFETY: The queue is alive. The lock that this takes is given back below.
        let old = unsafe { bindings::queue_limits_start_update(self.queue()) };
        let mut new = change(QueueLimits::from_raw(old));

        // SAFETY: As above; this gives back the lock, whatever it returns.
        to_result(unsafe {
            bindings::queue_limits_commit_update_frozen(self.queue(), new.as_mut_ptr())
        })
    }

    /// Tells the system that the disk is gone: what uses it, file systems above all, is told so and
    /// asks for no more. Requests that the driver has are not affected.
    pub fn mark_dead(&self) {
        // SAFETY: The disk is alive.
        unsafe { bindings::blk_mark_disk_dead(self.as_ptr()) };
    }

    /// Sets the size of the disk, in sectors of 512 bytes, and tells user space if it changed.
    pub fn set_capacity(&self, sectors: u64) {
        // SAFETY: The disk is alive; the function has a lock of its own.
        unsafe { bindings::set_capacity_and_notify(self.as_ptr(), sectors) };
    }
}

/// A disk that the system does not see yet.
///
/// # Invariants
///
/// `disk` is a disk that `__blk_mq_alloc_disk()` allocated for `tag_set` with `data`, whose
/// reference this is.
pub struct NewDisk<T: Operations> {
    disk: NonNull<bindings::gendisk>,
    // Dropped after the disk.
    _data: Arc<T::QueueData>,
    tag_set: Arc<TagSet<T>>,
}

// SAFETY: A disk is not bound to a thread, and the data may be shared.
unsafe impl<T: Operations> Send for NewDisk<T> {}

impl<T: Operations> NewDisk<T> {
    const FOPS: &'static bindings::block_device_operations = &bindings::block_device_operations {
        owner: this_module::<T::Module>().as_ptr(),
        getgeo: Some(getgeo_callback),
        ..pin_init::zeroed()
    };

    /// Allocates a disk of the given name.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the block layer does not accept the limits or the name is too long.
    pub fn new(
        tag_set: Arc<TagSet<T>>,
        mut limits: QueueLimits,
        data: Arc<T::QueueData>,
        name: fmt::Arguments<'_>,
    ) -> Result<Self> {
        let data_ptr = ptr::from_ref::<T::QueueData>(&data).cast_mut().cast();

        // SAFETY: The tag set is initialised and outlives the disk, and so does the data.
        let disk = from_err_ptr(unsafe {
            bindings::__blk_mq_alloc_disk(
                tag_set.as_ptr(),
                limits.as_mut_ptr(),
                data_ptr,
                static_lock_class!().as_ptr(),
            )
        })?;
        // INVARIANT: Allocated just above.
        let new = Self {
            disk: NonNull::new(disk).ok_or(ENOMEM)?,
            _data: data,
            tag_set,
        };

        // SAFETY: Nobody else knows the disk yet. The table lives as long as the module, which
        // its owner field keeps while the disk is open.
        let disk_name = unsafe {
            (*disk).fops = Self::FOPS;
            &mut (*disk).disk_name
        };
        NullTerminatedFormatter::new(disk_name)
            .ok_or(EINVAL)?
            .write_fmt(name)?;
        Ok(new)
    }

    /// The requests of the disk.
    pub fn tag_set(&self) -> &Arc<TagSet<T>> {
        &self.tag_set
    }

    /// Gives the disk `count` minors of the driver's `major`, from `first` on, for itself and its
    /// partitions.
    pub fn set_minors(&mut self, major: u32, first: u32, count: u32) -> Result {
        let disk = self.disk.as_ptr();
        let (major, first, count) = (
            i32::try_from(major)?,
            i32::try_from(first)?,
            i32::try_from(count)?,
        );

        // SAFETY: Nobody else knows the disk yet.
        unsafe {
            (*disk).major = major;
            (*disk).first_minor = first;
            (*disk).minors = count;
        }
        Ok(())
    }

    /// Makes the disk read-only, or not.
    pub fn set_read_only(&mut self, read_only: bool) {
        // SAFETY: The disk is alive.
        unsafe { bindings::set_disk_ro(self.disk.as_ptr(), read_only) };
    }

    /// Sets the geometry that the disk answers with. Without, it is the usual one of its capacity.
    pub fn set_geometry(&mut self, geometry: Geometry) {
        // SAFETY: Nobody else knows the disk yet, and nothing else uses its private data.
        unsafe { (*self.disk.as_ptr()).private_data = geometry.into_private_data() };
    }

    /// Shows the disk to the system, as a child of `parent` and with attributes `A`.
    ///
    /// Partitions are read before this returns, so the device must be working.
    pub fn add<A: AttributeList<T>>(self, parent: &Device<Bound>) -> Result<GenDisk<T>> {
        // SAFETY: The parent is bound, and the disk has not been added. The groups are constants
        // that C only reads.
        to_result(unsafe {
            bindings::device_add_disk(
                // `Device` is a transparent wrapper of `Opaque<bindings::device>`.
                ptr::from_ref(parent).cast_mut().cast(),
                self.disk.as_ptr(),
                A::GROUPS.as_ptr().cast_mut(),
            )
        })?;
        // INVARIANT: Added just above.
        Ok(GenDisk(self))
    }
}

impl<T: Operations> Deref for NewDisk<T> {
    type Target = Disk<T>;

    fn deref(&self) -> &Disk<T> {
        // SAFETY: By the type invariant it is a disk of `T`, and it is not removed.
        unsafe { Disk::from_raw(self.disk.as_ptr()) }
    }
}

impl<T: Operations> Drop for NewDisk<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this reference is ours. If others are left, because the
        // disk was added and is still open, it has been removed and asks nothing of the driver.
        unsafe { bindings::put_disk(self.disk.as_ptr()) };
    }
}

/// A disk that the system sees. Dropping it removes it, which waits for its requests to end.
///
/// # Invariants
///
/// The disk was added by `device_add_disk()` and not removed.
pub struct GenDisk<T: Operations>(NewDisk<T>);

impl<T: Operations> Deref for GenDisk<T> {
    type Target = Disk<T>;

    fn deref(&self) -> &Disk<T> {
        &self.0
    }
}

impl<T: Operations> Drop for GenDisk<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the disk was added. The reference is put by `NewDisk`.
        unsafe { bindings::del_gendisk(self.0.disk.as_ptr()) };
    }
}
