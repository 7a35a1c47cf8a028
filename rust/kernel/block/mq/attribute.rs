// SPDX-License-Identifier: GPL-2.0

//! Attributes of disks in sysfs.
//!
//! C header: [`include/linux/device.h`](srctree/include/linux/device.h)

use core::{
    marker::PhantomData,
    ptr,
    slice, //
};

use kernel::{
    error::from_result,
    ffi::{
        c_char,
        c_int, //
    },
    prelude::*, //
};

use super::{
    disk::Disk,
    operations::Operations, //
};
use crate::kernel_ext::bindings;

/// A file in the directory of a disk in sysfs, `/sys/block/NAME/`.
pub trait Attribute<T: Operations> {
    /// The file's name.
    const NAME: &'static CStr;

    /// Writes what the file contains to `page` and returns how many bytes.
    fn show(disk: &Disk<T>, page: &mut [u8]) -> Result<usize>;

    /// Whether the file of this disk can be written.
    fn is_writable(disk: &Disk<T>) -> bool {
        let _ = disk;
        false
    }

    /// Takes what is written to the file, all of it at once.
    fn store(disk: &Disk<T>, bytes: &[u8]) -> Result {
        let _ = (disk, bytes);
        Err(EACCES)
    }
}

/// Attributes that come and go with a disk: a tuple of them.
pub trait AttributeList<T: Operations> {
    /// For `device_add_disk()`.
    #[doc(hidden)]
    const GROUPS: &'static [*const bindings::attribute_group];
}

macro_rules! impl_attribute_list {
    ($($attribute:ident),*) => {
        impl<T: Operations, $($attribute: Attribute<T>),*> AttributeList<T> for ($($attribute,)*) {
            const GROUPS: &'static [*const bindings::attribute_group] = &[
                &bindings::attribute_group {
                    __bindgen_anon_1: bindings::attribute_group__bindgen_ty_1 {
                        is_visible_const: Some(is_visible_callback::<T, Self>),
                    },
                    __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
                        attrs_const: [
                            $(Raw::<T, $attribute>::ATTRIBUTE,)*
                            ptr::null(),
                        ].as_ptr(),
                    },
                    ..pin_init::zeroed()
                },
                ptr::null(),
            ];
        }

        impl<T: Operations, $($attribute: Attribute<T>),*> Writable<T> for ($($attribute,)*) {
            fn is_writable(disk: &Disk<T>, index: usize) -> bool {
                let answers = [$($attribute::is_writable(disk)),*];
                answers.get(index).copied().unwrap_or(false)
            }
        }
    };
}

impl_attribute_list!(A);
impl_attribute_list!(A, B);

/// Which attributes of a list can be written.
trait Writable<T: Operations> {
    fn is_writable(disk: &Disk<T>, index: usize) -> bool;
}

/// The mode of an attribute of a disk.
///
/// # Safety
///
/// Only called by sysfs, with the device of a disk of `T` that is being added.
unsafe extern "C" fn is_visible_callback<T: Operations, L: Writable<T>>(
    kobj: *mut bindings::kobject,
    _attr: *const bindings::attribute,
    index: c_int,
) -> bindings::umode_t {
    // SAFETY: A device's `kobject` is embedded in it.
    let dev = unsafe { kernel::container_of!(kobj, bindings::device, kobj) };
    // SAFETY: By the function's requirements.
    let disk = unsafe { disk_of::<T>(dev) };

    match usize::try_from(index) {
        Ok(index) if L::is_writable(disk, index) => 0o644,
        _ => 0o444,
    }
}

/// The disk that a device is of.
///
/// # Safety
///
/// `dev` is the device of a disk of `T` that is being added, or is added, for `'a`.
unsafe fn disk_of<'a, T: Operations>(dev: *mut bindings::device) -> &'a Disk<T> {
    // SAFETY: The device of a disk is embedded in its whole-disk block device.
    let disk = unsafe {
        let part0 = kernel::container_of!(dev, bindings::block_device, bd_device);
        (*part0).bd_disk
    };
    // SAFETY: By the function's requirements.
    unsafe { Disk::from_raw(disk) }
}

/// The C side of an attribute.
struct Raw<T, A>(PhantomData<(T, A)>);

impl<T: Operations, A: Attribute<T>> Raw<T, A> {
    const DEVICE_ATTRIBUTE: &'static bindings::device_attribute = &bindings::device_attribute {
        attr: Self::attribute(),
        __bindgen_anon_1: bindings::device_attribute__bindgen_ty_1 {
            show_const: Some(Self::show_callback),
        },
        __bindgen_anon_2: bindings::device_attribute__bindgen_ty_2 {
            store_const: Some(Self::store_callback),
        },
    };

    const ATTRIBUTE: *const bindings::attribute = &raw const Self::DEVICE_ATTRIBUTE.attr;

    const fn attribute() -> bindings::attribute {
        // More fields than these two depend on the kernel's configuration.
        let mut attribute: bindings::attribute = pin_init::zeroed();
        attribute.name = A::NAME.to_bytes_with_nul().as_ptr().cast();
        attribute.mode = 0o444;
        attribute
    }

    /// # Safety
    ///
    /// Only called by sysfs, with the device of a disk of `T` that is added and a zeroed page.
    unsafe extern "C" fn show_callback(
        dev: *mut bindings::device,
        _attr: *const bindings::device_attribute,
        buf: *mut c_char,
    ) -> isize {
        // SAFETY: The disk is added for as long as sysfs calls.
        let disk = unsafe { disk_of::<T>(dev) };
        // SAFETY: sysfs passes a page of initialised memory.
        let page = unsafe { slice::from_raw_parts_mut(buf.cast(), bindings::PAGE_SIZE) };

        from_result(|| Ok(A::show(disk, page)?.min(bindings::PAGE_SIZE).try_into()?))
    }

    /// # Safety
    ///
    /// Only called by sysfs, with the device of a disk of `T` that is added and `len` bytes.
    unsafe extern "C" fn store_callback(
        dev: *mut bindings::device,
        _attr: *const bindings::device_attribute,
        buf: *const c_char,
        len: usize,
    ) -> isize {
        // SAFETY: The disk is added for as long as sysfs calls.
        let disk = unsafe { disk_of::<T>(dev) };
        // SAFETY: By the function's requirements.
        let bytes = unsafe { slice::from_raw_parts(buf.cast(), len) };

        from_result(|| {
            A::store(disk, bytes)?;
            Ok(len.try_into()?)
        })
    }
}
