// SPDX-License-Identifier: GPL-2.0

//! Tag sets: the requests that can be in flight.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::{
    marker::PhantomData,
    mem::size_of,
    ptr::{
        self,
        without_provenance_mut, //
    },
};

use kernel::{
    device::Device,
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

use super::{
    execute::Execution,
    operations::{
        Operations,
        OperationsVTable, //
    },
    request::RequestExtra, //
};
use crate::kernel_ext::bindings;

/// How a tag set is to be.
#[derive(Clone, Copy)]
pub struct TagSetOptions {
    /// Hardware queues.
    pub hw_queues: u32,
    /// How many of them, the last ones, are [polled](Operations::poll) and do not interrupt.
    pub polled_queues: u32,
    /// Requests in flight in each hardware queue, `reserved` included.
    pub depth: u32,
    /// How many of `depth` are kept for [`Disk::execute_in`](super::Disk::execute_in).
    pub reserved: u32,
    /// Most bytes of range records of a request.
    pub payload_bytes: usize,
    /// Seconds after which [`Operations::timed_out`] is asked about a request that has not ended;
    /// 0 for never.
    pub timeout: u32,
}

/// Which CPU uses which queue: a map for each kind of queue, those of other kinds before those that
/// are polled.
const ALL_MAPS: u32 = POLL_MAP as u32 + 1;

/// The map of requests that nothing else is said of.
const DEFAULT_MAP: usize = bindings::hctx_type_HCTX_TYPE_DEFAULT as usize;

/// The map of reads, if they have queues of their own.
const READ_MAP: usize = bindings::hctx_type_HCTX_TYPE_READ as usize;

/// The map of requests that are polled for.
const POLL_MAP: usize = bindings::hctx_type_HCTX_TYPE_POLL as usize;

/// The longest timeout, in jiffies: what is compared with it has a sign.
const MOST_JIFFIES: u32 = i32::MAX as u32;

/// A timeout of so many seconds, in jiffies.
fn jiffies(seconds: u32) -> u32 {
    let milliseconds = match seconds.checked_mul(1000) {
        Some(0) | None => return MOST_JIFFIES,
        Some(milliseconds) => milliseconds,
    };
    // SAFETY: The function computes with any value.
    let jiffies = unsafe { bindings::__msecs_to_jiffies(milliseconds) };
    u32::try_from(jiffies).map_or(MOST_JIFFIES, |jiffies| jiffies.min(MOST_JIFFIES))
}

/// No request is offered to the driver while this is there.
pub struct Quiet<T: Operations>(Arc<TagSet<T>>);

impl<T: Operations> Drop for Quiet<T> {
    fn drop(&mut self) {
        // SAFETY: The tag set is initialised, and was quiesced when this was made.
        unsafe { bindings::blk_mq_unquiesce_tagset(self.0.as_ptr()) };
    }
}

/// The interrupt vectors of a device, one for each hardware queue that is not polled, whose affinity
/// the kernel has spread over the CPUs.
pub struct SpreadVectors {
    /// The device.
    pub device: ARef<Device>,
    /// The vector of the first hardware queue; the others' follow it.
    pub first: u32,
}

/// The requests of a disk, `struct blk_mq_tag_set`.
///
/// # Invariants
///
/// `inner` was initialised by `blk_mq_alloc_tag_set()`.
#[pin_data(PinnedDrop)]
pub struct TagSet<T: Operations> {
    // Initialised before `inner`, whose initialisation uses it.
    vectors: Option<SpreadVectors>,
    // As above.
    polled_queues: u32,
    #[pin]
    inner: Opaque<bindings::blk_mq_tag_set>,
    /// Held while a request of the driver's own is executed. What it protects is one that nobody
    /// waits for any more.
    #[pin]
    pub(super) given_up: Mutex<Option<Arc<Execution>>>,
    _p: PhantomData<fn() -> T>,
}

// SAFETY: The C structure has locks of its own and is not bound to a thread.
unsafe impl<T: Operations> Send for TagSet<T> {}

// SAFETY: As above.
unsafe impl<T: Operations> Sync for TagSet<T> {}

impl<T: Operations> TagSet<T> {
    /// Allocates the requests.
    ///
    /// Each CPU uses the hardware queue that interrupts it, if `vectors` says which that is.
    pub fn new(
        options: TagSetOptions,
        vectors: Option<SpreadVectors>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            vectors,
            polled_queues: options.polled_queues,
            inner <- Opaque::try_ffi_init(move |set: *mut bindings::blk_mq_tag_set| {
                let new = bindings::blk_mq_tag_set {
                    ops: OperationsVTable::<T>::build(),
                    nr_maps: if options.polled_queues > 0 {
                        ALL_MAPS
                    } else {
                        1
                    },
                    nr_hw_queues: options.hw_queues,
                    queue_depth: options.depth,
                    reserved_tags: options.reserved,
                    timeout: jiffies(options.timeout),
                    cmd_size: u32::try_from(size_of::<RequestExtra>())?,
                    numa_node: bindings::NUMA_NO_NODE,
                    driver_data: without_provenance_mut(options.payload_bytes),
                    ..pin_init::zeroed()
                };

                // SAFETY: `set` is valid for writes.
                unsafe { set.write(new) };
                // INVARIANT: Initialised here, or there is no tag set.
                //
                // SAFETY: Filled in above, and pinned from here on.
                to_result(unsafe { bindings::blk_mq_alloc_tag_set(set) })
            }),
            given_up <- new_mutex!(None, "TagSet::given_up"),
            _p: PhantomData,
        }? Error)
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::blk_mq_tag_set {
        self.inner.get()
    }

    /// Keeps the block layer from offering requests, and waits until it is not just doing so.
    ///
    /// Those that the driver has may be completed or put back meanwhile. May sleep.
    pub fn quiesce(self: &Arc<Self>) -> Quiet<T> {
        // SAFETY: The tag set is initialised.
        unsafe { bindings::blk_mq_quiesce_tagset(self.as_ptr()) };
        Quiet(self.clone())
    }

    /// Has the block layer assign CPUs to the hardware queues.
    ///
    /// # Safety
    ///
    /// `set` is the inside of a `TagSet<T>` whose `vectors` and `polled_queues` are initialised.
    pub(super) unsafe fn map_queues(set: *mut bindings::blk_mq_tag_set) {
        let inner = Opaque::cast_from(set);
        // SAFETY: The caller guarantees that this is the field of a `TagSet`. The rest of it may
        // not be initialised yet, so no reference to the whole is made.
        let (vectors, polled) = unsafe {
            let this = kernel::container_of!(inner, Self, inner);
            (&(*this).vectors, (*this).polled_queues)
        };
        // SAFETY: A tag set has room for all maps, and those that it uses have a table.
        let map = unsafe {
            let maps = &raw mut (*set).map;
            let others = (*set).nr_hw_queues.saturating_sub(polled);
            (*maps)[DEFAULT_MAP].nr_queues = others;
            // Requests of a map without queues go by the first one.
            (*maps)[READ_MAP].nr_queues = 0;
            (*maps)[POLL_MAP].nr_queues = polled;
            (*maps)[POLL_MAP].queue_offset = others;
            if polled > 0 {
                bindings::blk_mq_map_queues(&raw mut (*maps)[POLL_MAP]);
            }
            &raw mut (*maps)[DEFAULT_MAP]
        };

        match vectors {
            // SAFETY: The map is valid, and the reference keeps the device so. `Device` is a
            // transparent wrapper of `Opaque<bindings::device>`.
            Some(vectors) => unsafe {
                let device = ptr::from_ref::<Device>(&vectors.device).cast_mut().cast();
                bindings::blk_mq_map_hw_queues(map, device, vectors.first)
            },
            // SAFETY: The map is valid.
            None => unsafe { bindings::blk_mq_map_queues(map) },
        }
    }

    /// The tag set that a raw pointer is the inside of.
    ///
    /// # Safety
    ///
    /// `set` came from [`TagSet::as_ptr`] of a tag set of the same `T` that is alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(set: *mut bindings::blk_mq_tag_set) -> &'a Self {
        let inner = Opaque::cast_from(set);
        // SAFETY: The caller guarantees that this is the field of a `TagSet`.
        unsafe { &*kernel::container_of!(inner, Self, inner) }
    }
}

#[pinned_drop]
impl<T: Operations> PinnedDrop for TagSet<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is initialised; disks hold a reference, so none uses
        // it any more.
        unsafe { bindings::blk_mq_free_tag_set(self.inner.get()) };
    }
}
