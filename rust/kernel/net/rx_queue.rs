// SPDX-License-Identifier: GPL-2.0

//! A file for each receive queue of a network device in sysfs.
//!
//! C header: [`include/net/netdev_rx_queue.h`](srctree/include/net/netdev_rx_queue.h)
//!
//! Would go to `rust/kernel/net/netdev.rs`.

use core::{
    marker::PhantomData,
    ptr,
    slice, //
};

use kernel::{
    error::from_result,
    fmt::Write,
    prelude::*,
    str::Formatter, //
};

use super::{
    super::bindings,
    netdev::data,
    ops::Operations, //
};

/// A number that is shown for each receive queue, in
/// `/sys/class/net/DEV/queues/rx-N/DIRECTORY/NAME`.
pub trait RxQueueAttribute: Operations {
    /// The directory of the file.
    const DIRECTORY: &'static CStr;
    /// The name of the file.
    const NAME: &'static CStr;

    /// The number for a queue.
    fn show(&self, queue: u16) -> u32;
}

/// The C side of an attribute.
pub(super) struct Raw<T>(PhantomData<T>);

impl<T: RxQueueAttribute> Raw<T> {
    const ATTRIBUTE: &'static bindings::rx_queue_attribute = &bindings::rx_queue_attribute {
        attr: Self::attribute(),
        show: Some(Self::show_callback),
        store: None,
    };

    const LIST: &'static [*const bindings::attribute; 2] =
        &[&raw const Self::ATTRIBUTE.attr, ptr::null()];

    pub(super) const GROUP: &'static bindings::attribute_group = &bindings::attribute_group {
        name: T::DIRECTORY.to_bytes_with_nul().as_ptr().cast(),
        __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
            attrs_const: Self::LIST.as_ptr(),
        },
        ..pin_init::zeroed()
    };

    const fn attribute() -> bindings::attribute {
        // More fields than these two depend on the kernel's configuration.
        let mut attribute: bindings::attribute = pin_init::zeroed();
        attribute.name = T::NAME.to_bytes_with_nul().as_ptr().cast();
        attribute.mode = 0o444;
        attribute
    }

    /// # Safety
    ///
    /// Only called by sysfs, with a receive queue of a device that a living `Registration<T>` has
    /// registered, and a page.
    unsafe extern "C" fn show_callback(
        queue: *mut bindings::netdev_rx_queue,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: By the function's requirements.
        let this = unsafe { data::<T>(bindings::netdev_rx_queue_dev(queue)) };
        // SAFETY: As above.
        let index = unsafe { bindings::netdev_rx_queue_index(queue) };
        from_result(|| {
            // CAST: A device has no more queues than fit in 16 bits.
            let value = this.show(index as u16);
            // SAFETY: sysfs passes a page of initialised memory.
            let page = unsafe { slice::from_raw_parts_mut(page.cast(), bindings::PAGE_SIZE) };
            let mut text = Formatter::new(page);
            writeln!(text, "{value}").map_err(|_| ENOSPC)?;
            Ok(text.bytes_written().try_into()?)
        })
    }
}
