// SPDX-License-Identifier: GPL-2.0

//! Page pools: receive buffers that are recycled when the stack is done with them.
//!
//! C header: [`include/net/page_pool/helpers.h`](srctree/include/net/page_pool/helpers.h)
//!
//! Would go to `rust/kernel/net/page_pool.rs`.

use core::{
    hint,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    error::from_err_ptr,
    prelude::*,
    sync::Arc, //
};

use super::{
    super::{
        bindings,
        mm::memory_map,
        phys::{
            DeviceWritable,
            PhysRange,
            PhysRanges, //
        },
    },
    napi::{
        Handle,
        Instance,
        Owned, //
    },
};

/// Buffers start and end on this boundary, in bytes.
const BUFFER_ALIGN: u32 = 64;

/// A pool of pages that belongs to one NAPI instance.
///
/// # Invariants
///
/// `pool` is a page pool that was created for `instance` and that this object destroys.
pub struct PagePool {
    pool: NonNull<bindings::page_pool>,
    instance: Arc<Instance>,
}

// SAFETY: A pool is not bound to a thread; its lockless part is reached by the owner of the NAPI
// instance alone.
unsafe impl Send for PagePool {}

impl PagePool {
    /// Creates a pool for about `size` buffers whose pages have 2^`order` machine pages.
    ///
    /// The pages are not mapped for DMA: they are for devices that take physical addresses.
    pub fn new(napi: &Handle, size: u32, order: u32) -> Result<Self> {
        let instance = napi.instance().clone();
        // SAFETY: The device and the NAPI instance live at least as long as `instance`, which is
        // dropped after the pool was destroyed.
        let pool = from_err_ptr(unsafe {
            bindings::page_pool_new(instance.device().as_ptr(), instance.as_ptr(), size, order)
        })?;
        let pool = NonNull::new(pool).ok_or(ENOMEM)?;
        // INVARIANT: Just created.
        Ok(Self { pool, instance })
    }

    /// Takes a buffer of at least `size` bytes; the pool may give all of a page.
    ///
    /// Returns `None` when there is no memory, or when `owner` owns another NAPI instance.
    #[inline]
    pub fn alloc(&mut self, size: u32, owner: &Owned<'_>) -> Option<PoolBuffer> {
        if !owner.is(&self.instance) {
            return None;
        }
        // The data of a packet ends in a structure that has to be aligned.
        let mut size = size.next_multiple_of(BUFFER_ALIGN);
        let mut offset = 0;
        // The owner copes with a failure, so that it is not worth a warning.
        let flags = bindings::__GFP_NOWARN
            | if owner.may_sleep() {
                bindings::GFP_KERNEL
            } else {
                bindings::GFP_ATOMIC
            };
        // SAFETY: The pool is valid, and `owner` proves that nobody else takes from it now.
        let page =
            unsafe { bindings::page_pool_alloc(self.pool.as_ptr(), &mut offset, &mut size, flags) };
        // INVARIANT: The pool has given out `size` bytes at `offset` of the page, which is no high memory
        // because none was asked for.
        Some(PoolBuffer {
            pool: self.pool,
            page: NonNull::new(page)?,
            offset,
            size,
        })
    }

    /// The pool, if it belongs to `instance`.
    pub(super) fn of(&self, instance: &Arc<Instance>) -> Option<NonNull<bindings::page_pool>> {
        Arc::ptr_eq(&self.instance, instance).then_some(self.pool)
    }

    /// Puts an unused buffer back at once, without a lock.
    #[inline]
    pub fn recycle(&mut self, buffer: PoolBuffer, owner: &Owned<'_>) {
        if owner.is(&self.instance) && buffer.pool == self.pool {
            let buffer = ManuallyDrop::new(buffer);
            // SAFETY: The buffer is of this pool and given up. `owner` proves that nobody else
            // reaches the pool's cache now.
            unsafe {
                bindings::page_pool_put_page(
                    buffer.pool.as_ptr(),
                    buffer.page.as_ptr(),
                    u32::MAX,
                    true,
                );
            }
        }
    }
}

impl Drop for PagePool {
    fn drop(&mut self) {
        // SAFETY: The pool is valid and not used again through `self`. The kernel keeps it until
        // every buffer has come back.
        unsafe { bindings::page_pool_destroy(self.pool.as_ptr()) };
    }
}

/// A buffer of a page pool. Returns to its pool when it is dropped.
///
/// # Invariants
///
/// `size` bytes at `offset` of `page`, a maybe compound page of `pool` in the linear mapping, belong to
/// this object; its reference to the page keeps the pool alive.
pub struct PoolBuffer {
    pool: NonNull<bindings::page_pool>,
    page: NonNull<bindings::page>,
    offset: u32,
    size: u32,
}

// SAFETY: A buffer may be returned from any thread.
unsafe impl Send for PoolBuffer {}

impl PoolBuffer {
    /// The size in bytes.
    #[inline]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// A copy of `N` bytes from `offset` on; `None` when the buffer does not have them.
    #[inline]
    pub fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let end = u64::from(offset) + N as u64;
        if end > u64::from(self.size) {
            return None;
        }
        // SAFETY: The bytes are inside the buffer. A device that still writes them can tear the
        // copy, which is a copy of plain bytes either way.
        let copy = unsafe {
            self.data()
                .add(offset as usize)
                .cast::<[u8; N]>()
                .read_unaligned()
        };
        // The compiler takes the copy here, all at once, and does not read the buffer again for a part
        // of it, which the device may have changed by then.
        Some(hint::black_box(copy))
    }

    /// Copies `len` bytes at `offset` of `from` to `at`; false, and nothing is copied, when one of the
    /// two does not have those bytes.
    #[inline]
    pub fn copy_from(&mut self, at: u32, from: &Self, offset: u32, len: u32) -> bool {
        let fits = |start: u32, size: u32| u64::from(start) + u64::from(len) <= u64::from(size);
        if !fits(at, self.size) || !fits(offset, from.size) {
            return false;
        }
        // SAFETY: Both have the bytes, and they are two buffers. A device that still writes the other
        // can tear the copy.
        unsafe {
            core::ptr::copy_nonoverlapping(
                from.data().add(offset as usize),
                self.data().add(at as usize),
                len as usize,
            );
        }
        true
    }

    /// Lends `len` bytes from `offset` on to a device for writing.
    ///
    /// They are one range, or two if `split` is not 0: the first `split` bytes and the others.
    /// Gives the buffer back when it does not have those bytes.
    #[inline]
    pub fn lend(self, offset: u32, len: u32, split: u32) -> Result<LentBuffer, Self> {
        let end = u64::from(offset) + u64::from(len);
        if len == 0 || split >= len || end > u64::from(self.size) {
            return Err(self);
        }
        // INVARIANT: Just checked.
        Ok(LentBuffer {
            buffer: self,
            offset,
            len,
            split,
        })
    }

    /// The first byte.
    #[inline]
    pub(super) fn data(&self) -> *mut u8 {
        // SAFETY: By the type invariant.
        unsafe { memory_map::address(self.page.as_ptr()).add(self.offset as usize) }
    }

    /// The page that `offset`, which is inside the buffer, is in, and where.
    #[inline]
    pub(super) fn page(&self, offset: u32) -> (*mut bindings::page, u32) {
        (self.page.as_ptr(), self.offset.wrapping_add(offset))
    }

    #[inline]
    pub(super) fn is_of(&self, pool: NonNull<bindings::page_pool>) -> bool {
        self.pool == pool
    }

    /// Gives up the buffer without returning it.
    #[inline]
    pub(super) fn give_up(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Drop for PoolBuffer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; `false` is right in every context.
        unsafe {
            bindings::page_pool_put_page(self.pool.as_ptr(), self.page.as_ptr(), u32::MAX, false);
        }
    }
}

/// A part of a buffer that a device may write.
///
/// # Invariants
///
/// `offset + len` is at most the size of the buffer, and `split` less than `len`.
pub struct LentBuffer {
    buffer: PoolBuffer,
    offset: u32,
    len: u32,
    split: u32,
}

impl LentBuffer {
    /// The bytes the device may write.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // Never empty, by the type invariant.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// How many ranges they are.
    #[inline]
    pub fn ranges(&self) -> u16 {
        1 + u16::from(self.split != 0)
    }

    /// Where they are in the buffer.
    #[inline]
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// Takes the buffer back, once the device is done with it.
    #[inline]
    pub fn into_buffer(self) -> PoolBuffer {
        self.buffer
    }
}

// SAFETY: The ranges are parts of the buffer, which belongs to `self`; moving `self` does not
// move the page.
unsafe impl PhysRanges for LentBuffer {
    #[inline]
    fn for_each_range<E>(&self, mut f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        let (page, at) = self.buffer.page(self.offset);
        // SAFETY: The buffer's page is there.
        let mut phys = unsafe { memory_map::phys(page) }.wrapping_add(at.into());
        let mut left = self.len;
        let mut len = if self.split == 0 { left } else { self.split };
        loop {
            // SAFETY: Inside the buffer by the type invariant, which is physically contiguous, and not
            // empty, because `split` is less than `len`.
            f(unsafe { PhysRange::new(phys, len) })?;
            left = left.wrapping_sub(len);
            if left == 0 {
                return Ok(());
            }
            phys = phys.wrapping_add(len.into());
            len = left;
        }
    }

    #[inline]
    fn single_range(&self) -> Option<PhysRange> {
        if self.split != 0 {
            return None;
        }
        let (page, at) = self.buffer.page(self.offset);
        // SAFETY: As above.
        Some(unsafe { PhysRange::new(memory_map::phys(page).wrapping_add(at.into()), self.len) })
    }
}

// SAFETY: The memory belongs to `self`, which gives out no reference to it.
unsafe impl DeviceWritable for LentBuffer {}
