// SPDX-License-Identifier: GPL-2.0

//! XDP: programs of the user that look at received packets before the stack does.
//!
//! C header: [`include/net/xdp.h`](srctree/include/net/xdp.h)
//!
//! A driver keeps a [`RxQueue`] for each receive queue. During a poll it puts a [`Buff`] over what it
//! has received, has the [`Program`] run over it, and does what the [`Verdict`] says. What was
//! redirected leaves with [`Polling::flush_redirected`] at the end of the poll. What other devices
//! redirect to this one comes as [`Frames`].
//!
//! Would go to `rust/kernel/net/xdp.rs`.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

use super::{
    super::bindings,
    napi::{
        Handle,
        Instance,
        Polling, //
    },
    page_pool::{
        PagePool,
        PoolBuffer, //
    },
    skb::{
        SkBuff,
        SHARED_INFO_SIZE, //
    },
};

mod frame;

pub use self::frame::{
    Frame,
    Frames, //
};

/// Bytes that a program finds free in front of a packet.
pub const HEADROOM: u32 = bindings::XDP_PACKET_HEADROOM;

/// `NETDEV_XDP_ACT_BASIC`: packets can be passed, dropped and sent back.
pub const ACT_BASIC: u32 = bindings::netdev_xdp_act_NETDEV_XDP_ACT_BASIC;
/// `NETDEV_XDP_ACT_REDIRECT`: packets can be redirected.
pub const ACT_REDIRECT: u32 = bindings::netdev_xdp_act_NETDEV_XDP_ACT_REDIRECT;
/// `NETDEV_XDP_ACT_RX_SG`: packets may be spread over fragments.
pub const ACT_RX_SG: u32 = bindings::netdev_xdp_act_NETDEV_XDP_ACT_RX_SG;

/// A program of type XDP, `struct bpf_prog`.
///
/// # Invariants
///
/// `prog` points to a program of that type, to which this object owns a reference.
pub struct Program {
    prog: NonNull<bindings::bpf_prog>,
}

// SAFETY: A program is not bound to a thread.
unsafe impl Send for Program {}

// SAFETY: As above; it does not change.
unsafe impl Sync for Program {}

impl Program {
    /// # Safety
    ///
    /// `prog` is a program of type XDP, and the caller gives away a reference to it.
    pub(super) unsafe fn from_raw(prog: NonNull<bindings::bpf_prog>) -> Self {
        // INVARIANT: By the function's requirements.
        Self { prog }
    }

    #[inline]
    fn as_ptr(&self) -> *mut bindings::bpf_prog {
        self.prog.as_ptr()
    }

    /// Whether the program takes packets that are spread over fragments.
    #[inline]
    pub fn takes_fragments(&self) -> bool {
        // SAFETY: The program is valid by the type invariant.
        unsafe { bindings::bpf_prog_xdp_has_frags(self.as_ptr()) }
    }
}

impl Clone for Program {
    fn clone(&self) -> Self {
        // SAFETY: The program is valid by the type invariant.
        unsafe { bindings::bpf_prog_inc(self.as_ptr()) };
        // INVARIANT: The reference is the one just taken.
        Self { prog: self.prog }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: The reference is this object's by the type invariant, and given up. Whoever still
        // runs the program does so with bottom halves off, which the kernel waits for.
        unsafe { bindings::bpf_prog_put(self.as_ptr()) };
    }
}

/// Where a callback says why it refuses, `struct netlink_ext_ack`.
pub struct ExtAck<'a> {
    raw: Option<&'a mut bindings::netlink_ext_ack>,
}

impl ExtAck<'_> {
    /// # Safety
    ///
    /// `raw` is null or points to a structure that is this thread's alone for the lifetime that the
    /// caller picks.
    pub(super) unsafe fn from_raw(raw: *mut bindings::netlink_ext_ack) -> Self {
        // SAFETY: By the function's requirements.
        let raw = unsafe { raw.as_mut() };
        Self { raw }
    }

    /// Gives the user a reason, in place of an earlier one.
    pub fn set(&mut self, reason: &'static CStr) {
        if let Some(raw) = &mut self.raw {
            raw._msg = reason.to_bytes_with_nul().as_ptr().cast();
        }
    }
}

/// What the kernel knows of a receive queue whose packets programs may see, `struct xdp_rxq_info`.
///
/// # Invariants
///
/// `info` is registered for a queue of the device of `instance`, with the memory of `pool`, whose
/// owner `instance` is; both it and the registration keep the pool.
pub struct RxQueue {
    info: Pin<KBox<Opaque<bindings::xdp_rxq_info>>>,
    pool: NonNull<bindings::page_pool>,
    instance: Arc<Instance>,
}

// SAFETY: The structure is not bound to a thread, and does not change.
unsafe impl Send for RxQueue {}

// SAFETY: As above.
unsafe impl Sync for RxQueue {}

impl RxQueue {
    /// Registers receive queue `index`, which `napi` polls and whose buffers are of `pool`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] when the pool belongs to another NAPI instance; [`ENOMEM`].
    pub fn new(napi: &Handle, index: u16, pool: &PagePool) -> Result<Self> {
        let instance = napi.instance().clone();
        let pool = pool.of(&instance).ok_or(EINVAL)?;
        let info = KBox::pin(Opaque::zeroed(), GFP_KERNEL)?;
        // SAFETY: The structure is zeroed, which is a new one, and stays in its place; the device is
        // valid and `instance` keeps it.
        to_result(unsafe {
            bindings::__xdp_rxq_info_reg(info.get(), instance.device().as_ptr(), index.into(), 0, 0)
        })?;
        // SAFETY: The structure was just registered, and the pool is valid.
        let result = to_result(unsafe {
            bindings::xdp_rxq_info_reg_mem_model(
                info.get(),
                bindings::xdp_mem_type_MEM_TYPE_PAGE_POOL,
                pool.as_ptr().cast(),
            )
        });
        // INVARIANT: Registered with the pool, or about to be dropped, which takes back a
        // registration without memory as well.
        let this = Self {
            info,
            pool,
            instance,
        };
        result.map(|()| this)
    }
}

impl Drop for RxQueue {
    fn drop(&mut self) {
        // SAFETY: Registered by the type invariant. No packet of a poll refers to it: they borrow
        // `self`.
        unsafe { bindings::xdp_rxq_info_unreg(self.info.get()) };
    }
}

/// A received packet as a program sees it, `struct xdp_buff`. Its memory goes back to its pool when
/// it is dropped.
///
/// # Invariants
///
/// `raw` lies over a buffer of the pool of `queue`, with room for the kernel's data of a packet behind
/// it, and its fragments over others; all belong to this object. For `'a` the owner of the pool is
/// polled.
pub struct Buff<'a> {
    raw: bindings::xdp_buff,
    queue: &'a RxQueue,
    _poll: PhantomData<&'a Polling<'a>>,
}

/// What is to become of a packet.
pub enum Verdict<'a> {
    /// The stack gets it.
    Pass(Buff<'a>),
    /// It goes out again by the device that it came by.
    Transmit(Buff<'a>),
    /// It has gone another way, to be followed by [`Polling::flush_redirected`].
    Redirected,
    /// It was to go another way but could not, and was dropped.
    NotRedirected,
    /// It was dropped.
    Dropped,
}

impl<'a> Buff<'a> {
    /// A packet, or the first part of one, of `len` bytes at `offset` of `buffer`.
    ///
    /// Gives the buffer back when it is not of the queue's pool or the poll of another instance, or
    /// when it has less than [`SHARED_INFO_SIZE`] bytes behind the packet.
    #[inline]
    pub fn new(
        buffer: PoolBuffer,
        offset: u32,
        len: u32,
        queue: &'a RxQueue,
        poll: &'a Polling<'a>,
    ) -> Result<Self, PoolBuffer> {
        let needed = u64::from(offset) + u64::from(len) + u64::from(SHARED_INFO_SIZE);
        let fits = needed <= u64::from(buffer.size());
        if !fits || !buffer.is_of(queue.pool) || !poll.is(&queue.instance) {
            return Err(buffer);
        }
        let (data, size) = (buffer.data(), buffer.size());
        buffer.give_up();
        let mut raw = bindings::xdp_buff::default();
        // CAST: A buffer has no more than a few pages.
        // SAFETY: The packet is inside the buffer, as just checked.
        unsafe {
            bindings::xdp_init_buff(&mut raw, size, queue.info.get());
            bindings::xdp_prepare_buff(&mut raw, data, offset as c_int, len as c_int, true);
        }
        // INVARIANT: Just checked and established.
        Ok(Self {
            raw,
            queue,
            _poll: PhantomData,
        })
    }

    /// Appends `len` bytes at `offset` of `buffer`.
    ///
    /// Gives the buffer back when it does not have those bytes or is not of the queue's pool, or when
    /// the packet has as many fragments as it can have.
    #[inline]
    pub fn append(&mut self, buffer: PoolBuffer, offset: u32, len: u32) -> Result<(), PoolBuffer> {
        let end = u64::from(offset) + u64::from(len);
        if end > u64::from(buffer.size()) || !buffer.is_of(self.queue.pool) {
            return Err(buffer);
        }
        let (page, at) = buffer.page(offset);
        // SAFETY: The bytes are in the page, and the reference to it is given away if there is room.
        let added =
            unsafe { bindings::xdp_buff_add_frag(&mut self.raw, page, at, len, buffer.size()) };
        if !added {
            return Err(buffer);
        }
        buffer.give_up();
        Ok(())
    }

    /// Bytes of the packet.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // There is no use for an empty packet.
    pub fn len(&self) -> u32 {
        // CAST: A packet's linear part has no more than a few pages.
        let head = self.raw.data_end.addr().wrapping_sub(self.raw.data.addr()) as u32;
        head.wrapping_add(self.fragments().bytes)
    }

    /// The fragments as they are now.
    #[inline]
    fn fragments(&self) -> Fragments {
        // SAFETY: The structure is valid.
        if !unsafe { bindings::xdp_buff_has_frags(&self.raw) } {
            return Fragments::default();
        }
        // SAFETY: A packet with fragments has the structure behind its linear part.
        let info = unsafe { &*bindings::xdp_get_shared_info_from_buff(&self.raw) };
        // SAFETY: The numbers are those that a packet under XDP has.
        let sizes = unsafe { info.__bindgen_anon_2.__bindgen_anon_1 };
        Fragments {
            count: info.nr_frags,
            bytes: sizes.xdp_frags_size,
            size: sizes.xdp_frags_truesize,
        }
    }

    /// Has a program look at the packet.
    #[inline]
    pub fn run(mut self, program: &Program) -> Verdict<'a> {
        let prog = program.as_ptr();
        // SAFETY: Both are valid, and this is a poll.
        let action = unsafe { bindings::bpf_prog_run_xdp(prog, &mut self.raw) };
        match action {
            bindings::xdp_action_XDP_PASS => Verdict::Pass(self),
            bindings::xdp_action_XDP_TX => Verdict::Transmit(self),
            bindings::xdp_action_XDP_REDIRECT => self.redirect(program),
            bindings::xdp_action_XDP_DROP => Verdict::Dropped,
            _ => {
                self.object(program, action);
                Verdict::Dropped
            }
        }
    }

    /// Does what the program has asked for just now.
    #[inline]
    fn redirect(mut self, program: &Program) -> Verdict<'a> {
        let dev = self.queue.instance.device().as_ptr();
        // SAFETY: All are valid, and this is a poll. When the call succeeds the packet is given away.
        let refused = unsafe { bindings::xdp_do_redirect(dev, &mut self.raw, program.as_ptr()) };
        if refused != 0 {
            return Verdict::NotRedirected;
        }
        let _ = ManuallyDrop::new(self);
        Verdict::Redirected
    }

    /// Tells whoever traces that a program has failed, and the log of one that says what there is not.
    #[cold]
    fn object(&self, program: &Program, action: u32) {
        let dev = self.queue.instance.device().as_ptr();
        // SAFETY: All are valid.
        unsafe {
            if action != bindings::xdp_action_XDP_ABORTED {
                bindings::bpf_warn_invalid_xdp_action(dev, program.as_ptr(), action);
            }
            bindings::trace_xdp_exception(dev, program.as_ptr(), action);
        }
    }

    /// Makes the packet one of the stack; without memory for that it is dropped.
    #[inline]
    pub fn into_skb(self) -> Option<SkBuff> {
        let fragments = self.fragments();
        let raw = &self.raw;
        // CAST: All of it is inside a buffer, which has no more than a few pages.
        let (headroom, len, meta) = (
            raw.data.addr().wrapping_sub(raw.data_hard_start.addr()) as u32,
            raw.data_end.addr().wrapping_sub(raw.data.addr()) as u32,
            raw.data.addr().checked_sub(raw.data_meta.addr()),
        );
        // SAFETY: The two halves of the union are the same fields.
        let numbers = unsafe { raw.__bindgen_anon_1.__bindgen_anon_1.as_ref() };
        // SAFETY: The buffer is an aligned page fragment of that size, and bottom halves are off.
        let skb = unsafe { bindings::napi_build_skb(raw.data_hard_start, numbers.frame_sz) };
        let skb = NonNull::new(skb)?;
        // SAFETY: The packet is new, and the bytes are those of its buffer that the program has left,
        // with room for the kernel's data behind them. Its fragments are where the packet has its own.
        let skb = unsafe {
            let mut skb = SkBuff::from_raw(skb);
            skb.set_linear(headroom, len);
            if let Some(meta @ 1..) = meta {
                // CAST: The kernel lets a program have at most 252 bytes.
                bindings::skb_metadata_set(skb.as_ptr(), meta as u8);
            }
            if fragments.count != 0 {
                bindings::xdp_update_skb_frags_info(
                    skb.as_ptr(),
                    fragments.count,
                    fragments.bytes,
                    fragments.size,
                    numbers.flags,
                );
            }
            skb
        };
        // The packet owns the memory now, and gives it back to its pool.
        let _ = ManuallyDrop::new(self);
        Some(skb)
    }

    /// Makes the packet one that can be sent; `None`, and it is dropped, if the program has left no
    /// room in front of it.
    #[inline]
    pub fn into_frame(mut self) -> Option<Frame> {
        // SAFETY: The structure is valid.
        let frame = unsafe { bindings::xdp_convert_buff_to_frame(&mut self.raw) };
        let frame = NonNull::new(frame)?;
        let _ = ManuallyDrop::new(self);
        // INVARIANT: The memory is the frame's now.
        Some(Frame { frame })
    }
}

impl Drop for Buff<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The memory is this object's, and this is a poll of the owner of its pool.
        unsafe { bindings::xdp_return_buff(&mut self.raw) };
    }
}

/// How many fragments a packet has, their bytes, and those of their buffers.
#[derive(Clone, Copy, Default)]
struct Fragments {
    count: u8,
    bytes: u32,
    size: u32,
}
