// SPDX-License-Identifier: GPL-2.0

//! Port I/O, or memory I/O, behind one kind of address.
//!
//! `pci_iomap` returns an address that stands for I/O ports or for memory, and `ioread8` and its
//! family tell the two apart on each access. [`PortIo`] offers such an address to [`Io`] and to
//! the types that [`register!`] makes; accesses are little endian and 8, 16 or 32 bits wide.
//!
//! Would go to `rust/kernel/io/port.rs`.
//!
//! C header: [`include/asm-generic/iomap.h`](srctree/include/asm-generic/iomap.h)
//!
//! [`Io`]: kernel::io::Io
//! [`register!`]: kernel::io::register

use core::marker::PhantomData;

use kernel::{
    io::{
        IoBackend,
        IoBase,
        IoCapable,
        Region, //
    },
    ptr::KnownSize, //
};

use crate::kernel_ext::bindings;

/// A view of an I/O region that `ioread*` and `iowrite*` can access.
///
/// # Invariants
///
/// `ptr` is an aligned address in a region mapped for `ioread*` and `iowrite*`, or a part of
/// one, for the lifetime `'a`.
pub struct PortIo<'a, T: ?Sized> {
    ptr: *mut T,
    phantom: PhantomData<&'a ()>,
}

impl<T: ?Sized> Copy for PortIo<'_, T> {}
impl<T: ?Sized> Clone for PortIo<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

// SAFETY: `PortIo<'_, T>` is conceptually `&T` but in I/O space.
unsafe impl<T: ?Sized + Sync> Send for PortIo<'_, T> {}

// SAFETY: `PortIo<'_, T>` is conceptually `&T` but in I/O space.
unsafe impl<T: ?Sized + Sync> Sync for PortIo<'_, T> {}

impl<const SIZE: usize> PortIo<'_, Region<SIZE>> {
    /// Creates a view of `size` bytes at `addr`.
    ///
    /// # Safety
    ///
    /// `addr` is the address of a region that is mapped for `ioread*` and `iowrite*` for the
    /// lifetime of the view, `size` is at most its length and at least `SIZE`, and both are
    /// multiples of 4.
    #[inline]
    pub unsafe fn from_raw(addr: usize, size: usize) -> Self {
        // INVARIANT: The caller guarantees it.
        Self {
            ptr: Region::ptr_from_raw_parts_mut(core::ptr::without_provenance_mut(addr), size),
            phantom: PhantomData,
        }
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for PortIo<'a, T> {
    type Backend = PortIoBackend;
    type Target = T;

    #[inline]
    fn as_view(self) -> PortIo<'a, T> {
        self
    }
}

/// I/O backend that uses `ioread*` and `iowrite*`.
pub struct PortIoBackend;

impl IoBackend for PortIoBackend {
    type View<'a, T: ?Sized + KnownSize> = PortIo<'a, T>;

    #[inline]
    fn as_ptr<'a, T: ?Sized + KnownSize>(view: PortIo<'a, T>) -> *mut T {
        view.ptr
    }

    #[inline]
    unsafe fn project_view<'a, T: ?Sized + KnownSize, U: ?Sized + KnownSize>(
        _view: Self::View<'a, T>,
        ptr: *mut U,
    ) -> Self::View<'a, U> {
        // INVARIANT: `ptr` is a projection of a view that upholds the invariant.
        PortIo {
            ptr,
            phantom: PhantomData,
        }
    }
}

/// Implements [`IoCapable`] on [`PortIoBackend`] for `$ty` using `$read_fn` and `$write_fn`.
macro_rules! impl_port_io_capable {
    ($ty:ty, $read_fn:ident, $write_fn:ident) => {
        impl IoCapable<$ty> for PortIoBackend {
            #[inline]
            fn io_read(view: PortIo<'_, $ty>) -> $ty {
                // CAST: The C function returns `unsigned int`, of which it sets the lowest bits.
                // SAFETY: By the type invariant the address is mapped and aligned.
                unsafe { bindings::$read_fn(view.ptr.cast_const().cast()) as $ty }
            }

            #[inline]
            fn io_write(view: PortIo<'_, $ty>, value: $ty) {
                // SAFETY: By the type invariant the address is mapped and aligned.
                unsafe { bindings::$write_fn(value, view.ptr.cast()) }
            }
        }
    };
}

impl_port_io_capable!(u8, ioread8, iowrite8);
impl_port_io_capable!(u16, ioread16, iowrite16);
impl_port_io_capable!(u32, ioread32, iowrite32);
