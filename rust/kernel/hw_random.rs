// SPDX-License-Identifier: GPL-2.0

//! Hardware random number generators: devices that feed `/dev/hwrng` and the kernel's pool.
//!
//! Would go to `rust/kernel/hw_random.rs`.
//!
//! C header: [`include/linux/hw_random.h`](srctree/include/linux/hw_random.h)

use core::marker::{
    PhantomData,
    PhantomPinned, //
};

use kernel::{
    device::{
        Bound,
        Device, //
    },
    devres::Devres,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    str::CString,
    sync::Arc,
    types::Opaque, //
};

use super::bindings;

/// A source of random bytes.
pub trait Source: Send + Sync + 'static {
    /// Puts random bytes into `buffer`; none, if there are none.
    ///
    /// Runs in process context, one call at a time. May sleep if `wait` is set, but returns soon
    /// after the source is about to be unregistered or the caller has a signal to handle.
    ///
    /// # Errors
    ///
    /// Are passed on to whoever reads.
    fn read(&self, buffer: &mut Buffer<'_>, wait: bool) -> Result;
}

/// The memory that random bytes go into, which may not be initialised yet.
///
/// # Invariants
///
/// `start` is valid for writes of `size` bytes for the lifetime `'a`, and `len` is at most `size`.
pub struct Buffer<'a> {
    start: *mut u8,
    size: usize,
    len: usize,
    phantom: PhantomData<&'a mut [u8]>,
}

impl Buffer<'_> {
    /// Appends as many of `bytes` as there is room for.
    pub fn append(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.size - self.len);
        // SAFETY: By the type invariant there are `size - len` bytes to write to behind
        // `start + len`; `count` is at most that, and at most what `bytes` has.
        unsafe {
            self.start
                .add(self.len)
                .copy_from_nonoverlapping(bytes.as_ptr(), count)
        };
        // INVARIANT: At most `size - len` is added.
        self.len += count;
    }
}

/// A registered source.
///
/// It is unregistered when this is dropped, and at the latest when the driver is unbound from the
/// device. That waits for a [`Source::read`] in progress, which should be told beforehand.
pub struct Registration<T: Source> {
    _inner: Devres<Inner<T>>,
}

impl<T: Source> Registration<T> {
    /// Registers `source` under a name of its own; it may be read from now on.
    ///
    /// # Errors
    ///
    /// [`EEXIST`]: the name is taken; and whatever else `hwrng_register` returns.
    pub fn new(dev: &Device<Bound>, name: CString, source: Arc<T>) -> Result<Self> {
        Ok(Self {
            _inner: Devres::new(dev, Inner::new(name, source))?,
        })
    }
}

/// The registration as the C side knows it.
///
/// # Invariants
///
/// `hwrng` is registered, and refers to `name` and `source`.
#[pin_data(PinnedDrop)]
struct Inner<T: Source> {
    #[pin]
    hwrng: Opaque<bindings::hwrng>,
    name: CString,
    source: Arc<T>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C side may be called from any thread; the rest is `Send`.
unsafe impl<T: Source> Send for Inner<T> {}

impl<T: Source> Inner<T> {
    fn new(name: CString, source: Arc<T>) -> impl PinInit<Self, Error> {
        let description = bindings::hwrng {
            name: name.as_char_ptr(),
            read: Some(read_callback::<T>),
            priv_: Arc::as_ptr(&source).expose_provenance(),
            ..pin_init::zeroed()
        };
        // INVARIANT: The value is complete only if `hwrng_register` succeeded; name and source
        // stand on the heap and are owned by it.
        try_pin_init!(Self {
            hwrng: Opaque::new(description),
            name,
            source,
            _pin: PhantomPinned,
            _: {
                // SAFETY: `hwrng` is initialised and pinned, and is unregistered before it or
                // what it refers to goes away.
                to_result(unsafe { bindings::hwrng_register(hwrng.get()) })?;
            },
        })
    }
}

#[pinned_drop]
impl<T: Source> PinnedDrop for Inner<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is registered. The call waits for readers.
        unsafe { bindings::hwrng_unregister(self.hwrng.get()) };
    }
}

/// # Safety
///
/// To be used as the `read` callback of an [`Inner<T>`] alone.
unsafe extern "C" fn read_callback<T: Source>(
    hwrng: *mut bindings::hwrng,
    data: *mut c_void,
    max: usize,
    wait: bool,
) -> c_int {
    // SAFETY: The C side passes what was registered; nobody writes the field.
    let source = core::ptr::with_exposed_provenance::<T>(unsafe { (*hwrng).priv_ });
    // SAFETY: `Inner` keeps the source alive until no callback is running.
    let source = unsafe { &*source };
    // INVARIANT: The C side passes a buffer of `max` bytes.
    let mut buffer = Buffer {
        start: data.cast(),
        size: max,
        len: 0,
        phantom: PhantomData,
    };
    from_result(|| {
        source.read(&mut buffer, wait)?;
        Ok(c_int::try_from(buffer.len)?)
    })
}
