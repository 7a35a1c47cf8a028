// SPDX-License-Identifier: GPL-2.0

//! Network devices: allocation, set-up, registration.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
//!
//! A driver makes a [`Setup`], sets what has to be set before the device is seen, shares it as
//! an [`Arc<NetDevice>`] with its queues and NAPI instances, and last of all makes a
//! [`Registration`], which brings the callbacks of [`Operations`] to life until it is dropped.
//!
//! Would go to `rust/kernel/net/netdev.rs`.

use core::ptr::NonNull;

use kernel::{
    cpumask::Cpumask,
    device,
    error::to_result,
    fmt,
    prelude::*,
    sync::{
        atomic::{
            ordering,
            Atomic, //
        },
        Arc, //
    }, //
};

use super::{
    super::{
        bindings,
        cpu::Steady, //
    },
    ethtool,
    ops::{
        Operations,
        Vtable, //
    },
    queue_stats::{
        self,
        QueueStats, //
    },
    rtnl::Rtnl,
    rx_queue::{
        self,
        RxQueueAttribute, //
    }, //
};

/// Bytes of an Ethernet address.
pub const ETH_ALEN: usize = 6;
/// Bytes of an Ethernet header.
pub const ETH_HLEN: usize = bindings::ETH_HLEN as usize;
/// Least MTU of an Ethernet device, in bytes.
pub const MIN_MTU: u32 = bindings::NETDEV_MIN_MTU;
/// Largest MTU of an Ethernet device, in bytes.
pub const MAX_MTU: u32 = bindings::NETDEV_MAX_MTU;

/// `NETIF_F_SG`: packets may be spread over fragments.
pub const FEATURE_SG: u64 = 1 << bindings::NETIF_F_SG_BIT;
/// `NETIF_F_HIGHDMA`: fragments may be anywhere in memory.
pub const FEATURE_HIGHDMA: u64 = 1 << bindings::NETIF_F_HIGHDMA_BIT;
/// `NETIF_F_RXCSUM`: received checksums may have been verified.
pub const FEATURE_RXCSUM: u64 = 1 << bindings::NETIF_F_RXCSUM_BIT;
/// `NETIF_F_HW_CSUM`: the device completes a checksum, wherever in a packet it is.
pub const FEATURE_HW_CSUM: u64 = 1 << bindings::NETIF_F_HW_CSUM_BIT;
/// `NETIF_F_TSO`: the device segments TCP over IPv4.
pub const FEATURE_TSO: u64 = 1 << bindings::NETIF_F_TSO_BIT;
/// `NETIF_F_TSO6`: the device segments TCP over IPv6.
pub const FEATURE_TSO6: u64 = 1 << bindings::NETIF_F_TSO6_BIT;
/// `NETIF_F_TSO_ECN`: the device segments TCP packets that tell of congestion.
pub const FEATURE_TSO_ECN: u64 = 1 << bindings::NETIF_F_TSO_ECN_BIT;
/// `NETIF_F_GSO_ROBUST`: the device checks the headers of what it segments.
pub const FEATURE_GSO_ROBUST: u64 = 1 << bindings::NETIF_F_GSO_ROBUST_BIT;
/// `NETIF_F_GRO_HW`: the device hands in segments of a flow as one packet.
pub const FEATURE_GRO_HW: u64 = 1 << bindings::NETIF_F_GRO_HW_BIT;

/// `NETIF_F_HW_VLAN_CTAG_FILTER`: the device receives frames of the VLANs it was told of alone.
pub const FEATURE_VLAN_FILTER: u64 = 1 << bindings::NETIF_F_HW_VLAN_CTAG_FILTER_BIT;

/// `IFF_LIVE_ADDR_CHANGE`: the address may be changed while the device is up.
pub const LIVE_ADDR_CHANGE: u32 = bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE;
/// `IFF_TX_SKB_NO_LINEAR`: packets without a linear part may be sent.
pub const TX_SKB_NO_LINEAR: u32 = bindings::netdev_priv_flags_IFF_TX_SKB_NO_LINEAR;
/// `IFF_UNICAST_FLT`: the device can receive for more addresses than its own.
pub const UNICAST_FILTER: u32 = bindings::netdev_priv_flags_IFF_UNICAST_FLT;

/// A network device that nobody but its maker knows.
pub struct Setup(NetDevice);

impl Setup {
    /// Allocates an Ethernet device with `queues` transmit and as many receive queues.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] when there is no memory, [`EINVAL`] for no queues.
    pub fn new(parent: &device::Device, queues: u16) -> Result<Self> {
        if queues == 0 {
            return Err(EINVAL);
        }
        let count = u32::from(queues);
        // CAST: The private area is one pointer.
        let private = core::mem::size_of::<*const c_void>() as c_int;
        // SAFETY: Any sizes and non-zero counts may be asked for.
        let ptr = unsafe { bindings::alloc_etherdev_mqs(private, count, count) };
        let ptr = NonNull::new(ptr).ok_or(ENOMEM)?;
        // INVARIANT: `ptr` was just allocated, and nothing else frees it.
        let dev = NetDevice {
            ptr,
            queues,
            registered: Atomic::new(0),
        };
        // CAST: `device::Device` is a transparent wrapper of `struct device`.
        let parent = core::ptr::from_ref(parent).cast_mut().cast();
        // SAFETY: Both devices are valid. The class device takes a reference to its parent when
        // it is registered; until then only registration reads the field, and the driver that
        // does so is bound to the parent.
        unsafe { bindings::netdev_set_parent(dev.as_ptr(), parent) };
        Ok(Self(dev))
    }

    /// Sets the features that are on, for packets with a VLAN tag and without, and those the user
    /// may toggle.
    pub fn set_features(&mut self, on: u64, toggles: u64) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe {
            bindings::netdev_set_features(self.0.as_ptr(), on);
            bindings::netdev_set_hw_features(self.0.as_ptr(), toggles);
            bindings::netdev_set_vlan_features(self.0.as_ptr(), on);
        }
    }

    /// Adds private flags: [`LIVE_ADDR_CHANGE`], [`TX_SKB_NO_LINEAR`], [`UNICAST_FILTER`].
    pub fn add_priv_flags(&mut self, flags: u32) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::netdev_add_priv_flags(self.0.as_ptr(), flags) };
    }

    /// Sets the MTU at the start, in bytes.
    pub fn set_mtu(&mut self, mtu: u32) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::netdev_set_mtu(self.0.as_ptr(), mtu) };
    }

    /// Sets the least and largest MTU a user may ask for, in bytes.
    pub fn set_mtu_range(&mut self, min: u32, max: u32) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::netdev_set_mtu_range(self.0.as_ptr(), min, max) };
    }

    /// Says what the device can do of XDP: `ACT_*` of [`xdp`](super::xdp).
    pub fn set_xdp_features(&mut self, features: u32) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::netdev_set_xdp_features(self.0.as_ptr(), features) };
    }

    /// Asks the stack to leave room in front of every packet, in bytes.
    pub fn set_needed_headroom(&mut self, bytes: u16) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::netdev_set_needed_headroom(self.0.as_ptr(), bytes) };
    }

    /// Sets the permanent address.
    pub fn set_address(&mut self, address: &[u8; ETH_ALEN]) {
        // SAFETY: The device is valid and nobody else knows it; `address` has the six bytes that
        // are read.
        unsafe { bindings::eth_hw_addr_set(self.0.as_ptr(), address.as_ptr()) };
    }

    /// Makes up an address and marks it as random for user space.
    pub fn set_random_address(&mut self) {
        // SAFETY: The device is valid and nobody else knows it.
        unsafe { bindings::eth_hw_addr_random(self.0.as_ptr()) };
    }

    /// Ends the set-up.
    pub fn share(self) -> Result<Arc<NetDevice>> {
        Ok(Arc::new(self.0, GFP_KERNEL)?)
    }
}

/// A network device, `struct net_device`.
///
/// Must be dropped in process context: the last owner frees the device.
///
/// # Invariants
///
/// `ptr` points to a `struct net_device` of `alloc_etherdev_mqs()` with `queues` transmit queues
/// that this object frees. `registered` is 1 from the first registration on.
pub struct NetDevice {
    ptr: NonNull<bindings::net_device>,
    queues: u16,
    registered: Atomic<u32>,
}

// SAFETY: A network device is not bound to a thread.
unsafe impl Send for NetDevice {}

// SAFETY: Every method that takes `&self` calls a function of the network core that may be
// called from several threads at once.
unsafe impl Sync for NetDevice {}

impl NetDevice {
    /// The C structure.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::net_device {
        self.ptr.as_ptr()
    }

    /// The number of transmit queues, as many as there are receive queues.
    #[inline]
    pub fn queues(&self) -> u16 {
        self.queues
    }

    /// Says how many of its transmit and receive queues are in use, at least one of each.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] when the device does not have that many queues, or what the network core says;
    /// then there are as many as before.
    pub fn set_real_num_queues(&self, tx: u16, rx: u16, _rtnl: &Rtnl<'_>) -> Result {
        // SAFETY: The device is valid by the type invariant, and the RTNL lock is held.
        to_result(unsafe {
            bindings::netif_set_real_num_queues(self.as_ptr(), tx.into(), rx.into())
        })
    }

    /// The MTU in bytes.
    pub fn mtu(&self) -> u32 {
        // SAFETY: The device is valid by the type invariant.
        unsafe { bindings::netdev_get_mtu(self.as_ptr()) }
    }

    /// Says whether other devices may redirect packets of XDP to this one, fragments and all.
    pub fn set_redirect_target(&self, is_one: bool, _rtnl: &Rtnl<'_>) {
        // SAFETY: The device is valid by the type invariant, and the RTNL lock is held.
        unsafe {
            if is_one {
                bindings::xdp_features_set_redirect_target(self.as_ptr(), true);
            } else {
                bindings::xdp_features_clear_redirect_target(self.as_ptr());
            }
        }
    }

    /// Has the stack prefer a transmit queue for what certain CPUs send.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] when the device does not have that queue; [`ENOMEM`].
    pub fn set_xps_cpus(&self, queue: u16, cpus: &Cpumask, _steady: &Steady<'_>) -> Result {
        if queue >= self.queues {
            return Err(EINVAL);
        }
        // SAFETY: The device is valid by the type invariant and has that queue; the lock of CPU
        // hotplug is held.
        to_result(unsafe { bindings::netif_set_xps_cpus(self.as_ptr(), cpus.as_raw(), queue) })
    }

    /// The address of the device.
    pub fn address(&self) -> [u8; ETH_ALEN] {
        // SAFETY: The device is valid by the type invariant; `dev_addr` points to at least six
        // bytes. A concurrent change can tear the copy, as everywhere in the kernel.
        unsafe {
            bindings::netdev_dev_addr(self.as_ptr())
                .cast::<[u8; ETH_ALEN]>()
                .read()
        }
    }

    /// Whether the address was made up by [`Setup::set_random_address`], and is still that one.
    pub fn has_random_address(&self) -> bool {
        // CAST: A small constant.
        // SAFETY: The device is valid by the type invariant.
        unsafe {
            bindings::netdev_addr_assign_type(self.as_ptr()) == bindings::NET_ADDR_RANDOM as u8
        }
    }

    /// Whether the device is up.
    pub fn is_running(&self) -> bool {
        // SAFETY: The device is valid by the type invariant.
        unsafe { bindings::netif_running(self.as_ptr()) }
    }

    /// Whether the link is up.
    pub fn carrier_ok(&self) -> bool {
        // SAFETY: The device is valid by the type invariant.
        unsafe { bindings::netif_carrier_ok(self.as_ptr()) }
    }

    /// Says that the link is up or down. May be called in any context.
    pub fn set_carrier(&self, up: bool) {
        // SAFETY: The device is valid by the type invariant; the calls are safe in any context.
        unsafe {
            if up {
                bindings::netif_carrier_on(self.as_ptr());
            } else {
                bindings::netif_carrier_off(self.as_ptr());
            }
        }
    }

    /// The features that are on.
    pub fn features(&self, _rtnl: &Rtnl<'_>) -> u64 {
        // SAFETY: The device is valid by the type invariant, and the RTNL lock is held.
        unsafe { bindings::netdev_get_features(self.as_ptr()) }
    }

    /// Says that the device cannot be used for the time being: nothing is sent, and opening it or
    /// changing its settings fails.
    pub fn detach(&self, _rtnl: &Rtnl<'_>) {
        // SAFETY: The device is valid by the type invariant, and the RTNL lock is held.
        unsafe { bindings::netif_device_detach(self.as_ptr()) };
    }

    /// Whether the device can be used, as far as [`Self::detach`] is concerned.
    pub fn is_present(&self, _rtnl: &Rtnl<'_>) -> bool {
        // SAFETY: The device is valid by the type invariant.
        unsafe { bindings::netif_device_present(self.as_ptr()) }
    }

    /// Says that the device can be used again.
    pub fn attach(&self, _rtnl: &Rtnl<'_>) {
        // SAFETY: The device is valid by the type invariant, and the RTNL lock is held.
        unsafe { bindings::netif_device_attach(self.as_ptr()) };
    }

    /// Has the stack make the device known to its network, with gratuitous ARP for instance.
    ///
    /// Takes the RTNL lock.
    pub fn notify_peers(&self) {
        // SAFETY: The device is valid by the type invariant.
        unsafe { bindings::netdev_notify_peers(self.as_ptr()) };
    }

    /// Prints a line that names the device; `level` is one of `kernel::print::format_strings`'s
    /// `KERN_*` prefixes.
    pub fn print(&self, level: &'static CStr, args: fmt::Arguments<'_>) {
        // SAFETY: The device is valid by the type invariant, both strings end in NUL, and `%pA`
        // takes a pointer to `fmt::Arguments`.
        unsafe {
            bindings::netdev_printk(
                level.as_char_ptr(),
                self.as_ptr(),
                c"%pA".as_char_ptr(),
                core::ptr::from_ref(&args).cast::<c_void>(),
            );
        }
    }
}

impl Drop for NetDevice {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the device's last user. It was never registered,
        // or its `Registration`, which holds a reference to `self`, has unregistered it.
        unsafe { bindings::free_netdev(self.as_ptr()) };
    }
}

/// Whether a message may be printed now, by the limit that all of networking shares.
pub fn net_ratelimit() -> bool {
    // SAFETY: The function has no requirements.
    unsafe { bindings::net_ratelimit() != 0 }
}

/// Prints a warning that names a network device.
macro_rules! netdev_warn {
    ($dev:expr, $($arg:tt)*) => {
        $dev.print(c"\x014", ::kernel::prelude::fmt!($($arg)*))
    };
}
pub(crate) use netdev_warn;

/// Prints an error that names a network device.
macro_rules! netdev_err {
    ($dev:expr, $($arg:tt)*) => {
        $dev.print(c"\x013", ::kernel::prelude::fmt!($($arg)*))
    };
}
pub(crate) use netdev_err;

/// A registered network device. Dropping it unregisters the device, which closes it.
///
/// # Invariants
///
/// The device is registered with the vtables of `T`, and its private area holds a pointer to
/// what `data` points to.
pub struct Registration<T: Operations + ethtool::Operations + QueueStats> {
    dev: Arc<NetDevice>,
    data: Arc<T>,
}

impl<T: Operations + ethtool::Operations + QueueStats> Registration<T> {
    /// Registers `dev`; the callbacks get `data`.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] when the device has been registered before, or what the network core says.
    pub fn new(dev: Arc<NetDevice>, data: Arc<T>) -> Result<Self> {
        Self::register(dev, data, None)
    }

    /// The same, with a file for each receive queue in sysfs.
    ///
    /// # Errors
    ///
    /// See [`Self::new`].
    pub fn with_rx_attribute(dev: Arc<NetDevice>, data: Arc<T>) -> Result<Self>
    where
        T: RxQueueAttribute,
    {
        Self::register(dev, data, Some(rx_queue::Raw::<T>::GROUP))
    }

    /// Registers `dev`, with `group` in sysfs, whose callbacks are those of `T`.
    fn register(
        dev: Arc<NetDevice>,
        data: Arc<T>,
        group: Option<&'static bindings::attribute_group>,
    ) -> Result<Self> {
        if dev.registered.xchg(1, ordering::Full) != 0 {
            return Err(EBUSY);
        }
        // SAFETY: The device is valid and not registered: no callback runs. The private area has
        // room for a pointer, and `this` keeps what it points to alive until the device is
        // unregistered. The vtables are static.
        unsafe {
            private(dev.as_ptr()).write(Arc::as_ptr(&data).cast());
            bindings::netdev_set_ops(
                dev.as_ptr(),
                &Vtable::<T>::OPS,
                &ethtool::Vtable::<T>::OPS,
                &queue_stats::Vtable::<T>::OPS,
            );
            if let Some(group) = group {
                bindings::netdev_set_rx_queue_group(dev.as_ptr(), group);
            }
        }
        // SAFETY: The device is set up and has not been registered before.
        to_result(unsafe { bindings::register_netdev(dev.as_ptr()) })?;
        // INVARIANT: Just established.
        Ok(Self { dev, data })
    }
}

impl<T: Operations + ethtool::Operations + QueueStats> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: The device is registered by the type invariant. No callback runs any more when
        // the call returns, so that `data` may be dropped after it.
        unsafe { bindings::unregister_netdev(self.dev.as_ptr()) };
    }
}

/// The flags of a device.
///
/// # Safety
///
/// `dev` is a valid device.
pub(super) unsafe fn flags(dev: *mut bindings::net_device) -> u32 {
    // SAFETY: By the function's requirements.
    unsafe { bindings::netdev_get_flags(dev) }
}

/// The private area of a device: one pointer.
fn private(dev: *mut bindings::net_device) -> *mut *const c_void {
    dev.cast::<u8>()
        .wrapping_add(bindings::NETDEV_PRIV_OFFSET)
        .cast()
}

/// The data of a registered device.
///
/// # Safety
///
/// `dev` is a device that a living `Registration<T>` has registered, and it stays so for `'a`.
#[inline]
pub(super) unsafe fn data<'a, T>(dev: *mut bindings::net_device) -> &'a T {
    // SAFETY: By the function's requirements and the type invariant of `Registration`, the
    // private area holds a pointer to a living `T`.
    unsafe { &*private(dev).read().cast::<T>() }
}
