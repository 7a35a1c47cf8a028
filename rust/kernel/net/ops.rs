// SPDX-License-Identifier: GPL-2.0

//! What a driver does for its network device, `struct net_device_ops`.
//!
//! Would go to `rust/kernel/net/netdev.rs`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    macros::vtable,
    prelude::*, //
};

use super::{
    super::bindings,
    addr_list::{
        AddressList,
        RxMode, //
    },
    netdev::{
        data,
        flags,
        ETH_ALEN, //
    },
    rtnl::Rtnl,
    skb::SkBuff,
    stats::LinkStats,
    tx::Transmit,
    xdp::{
        ExtAck,
        Frames,
        Program, //
    }, //
};

/// The callbacks of a network device.
///
/// All but `start_xmit`, `xdp_xmit`, `get_stats64` and `tx_timeout` are called under the RTNL lock and
/// may sleep.
#[vtable]
pub trait Operations: Sized + Send + Sync + 'static {
    /// The device is brought up.
    fn open(&self, rtnl: &Rtnl<'_>) -> Result;

    /// The device is taken down; transmit queues are stopped already.
    fn stop(&self, rtnl: &Rtnl<'_>);

    /// Sends a packet, or drops it.
    ///
    /// Called in softirq context or with bottom halves off, under the lock of the transmit queue
    /// that `queue` names.
    fn start_xmit(&self, skb: SkBuff, queue: &mut Transmit<'_>);

    /// Reports the statistics of the device. May be called at any time, several times at once.
    fn get_stats64(&self) -> LinkStats;

    /// The user wants another address; it becomes the device's when this succeeds.
    fn set_mac_address(&self, _address: &[u8; ETH_ALEN]) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// What is to be received has changed, or the device was opened.
    ///
    /// The network core calls this outside the context in which it changed. After an error it
    /// tries again a few times, less and less often.
    fn set_rx_mode(&self, _mode: &RxMode<'_>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Frames of VLAN `id` are to be received, too. For a device with
    /// [`FEATURE_VLAN_FILTER`](super::netdev::FEATURE_VLAN_FILTER).
    fn add_vlan(&self, _id: u16) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Frames of VLAN `id` are not to be received any more.
    fn remove_vlan(&self, _id: u16) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The features of the device are to become others: `wanted` instead of `current`.
    ///
    /// After an error they stay as they are.
    fn set_features(&self, _current: u64, _wanted: u64) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A program is to look at all received packets, in place of the one before; or none any more.
    ///
    /// To have none succeeds, whatever state the device is in.
    fn set_xdp_program(
        &self,
        _program: Option<Program>,
        _reason: &mut ExtAck<'_>,
        _rtnl: &Rtnl<'_>,
    ) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sends packets that programs of other devices, or of this one, have redirected to this one.
    ///
    /// Called in softirq context or with bottom halves off, on any CPU, several times at once. After
    /// an error the kernel keeps all frames.
    fn xdp_xmit(&self, _frames: &mut Frames<'_>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A stopped transmit queue has made no progress for the time given to the watchdog.
    fn tx_timeout(&self, _queue: u16) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The C vtable of a driver.
pub(super) struct Vtable<T: Operations>(PhantomData<T>);

impl<T: Operations> Vtable<T> {
    pub(super) const OPS: bindings::net_device_ops = bindings::net_device_ops {
        ndo_open: Some(Self::open),
        ndo_stop: Some(Self::stop),
        ndo_start_xmit: Some(Self::start_xmit),
        ndo_get_stats64: Some(Self::get_stats64),
        ndo_validate_addr: Some(bindings::eth_validate_addr),
        ndo_set_mac_address: if T::HAS_SET_MAC_ADDRESS {
            Some(Self::set_mac_address)
        } else {
            None
        },
        ndo_set_rx_mode_async: if T::HAS_SET_RX_MODE {
            Some(Self::set_rx_mode)
        } else {
            None
        },
        ndo_vlan_rx_add_vid: if T::HAS_ADD_VLAN {
            Some(Self::add_vlan)
        } else {
            None
        },
        ndo_vlan_rx_kill_vid: if T::HAS_REMOVE_VLAN {
            Some(Self::remove_vlan)
        } else {
            None
        },
        ndo_set_features: if T::HAS_SET_FEATURES {
            Some(Self::set_features)
        } else {
            None
        },
        ndo_bpf: if T::HAS_SET_XDP_PROGRAM {
            Some(Self::bpf)
        } else {
            None
        },
        ndo_xdp_xmit: if T::HAS_XDP_XMIT {
            Some(Self::xdp_xmit)
        } else {
            None
        },
        // Whatever the features promise holds for packets with several VLAN tags, too.
        ndo_features_check: Some(bindings::passthru_features_check),
        ndo_tx_timeout: if T::HAS_TX_TIMEOUT {
            Some(Self::tx_timeout)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// As for every callback here: called by the network core with a device that a living
    /// `Registration<T>` has registered, under the RTNL lock unless [`Operations`] says otherwise.
    unsafe extern "C" fn open(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, rtnl) = unsafe { (data::<T>(dev), Rtnl::new()) };
        from_result(|| this.open(&rtnl).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::open`].
    unsafe extern "C" fn stop(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, rtnl) = unsafe { (data::<T>(dev), Rtnl::new()) };
        this.stop(&rtnl);
        0
    }

    /// # Safety
    ///
    /// See [`Self::open`]; `skb` is given away and the queue it is mapped to is locked.
    unsafe extern "C" fn start_xmit(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
    ) -> bindings::netdev_tx_t {
        // SAFETY: By the function's requirements.
        let this = unsafe { data::<T>(dev) };
        // SAFETY: The network core passes a valid packet.
        let skb = unsafe { NonNull::new_unchecked(skb) };
        // SAFETY: The network core gives the packet away.
        let skb = unsafe { SkBuff::from_raw(skb) };
        // SAFETY: The device does not have `lltx`, so the core holds the lock of the queue that
        // the packet is mapped to until this function returns.
        let mut queue = unsafe { Transmit::new(dev, skb.queue_mapping()) };
        this.start_xmit(skb, &mut queue);
        bindings::netdev_tx_NETDEV_TX_OK
    }

    /// # Safety
    ///
    /// See [`Self::open`]; `storage` may be written.
    unsafe extern "C" fn get_stats64(
        dev: *mut bindings::net_device,
        storage: *mut bindings::rtnl_link_stats64,
    ) {
        // SAFETY: By the function's requirements.
        let (this, storage) = unsafe { (data::<T>(dev), &mut *storage) };
        this.get_stats64().store(storage);
    }

    /// # Safety
    ///
    /// See [`Self::open`]; `address` points to a `struct sockaddr`.
    unsafe extern "C" fn set_mac_address(
        dev: *mut bindings::net_device,
        address: *mut c_void,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By the function's requirements.
            to_result(unsafe { bindings::eth_prepare_mac_addr_change(dev, address) })?;
            // SAFETY: The data of a `struct sockaddr` start after its two-byte family and have
            // more than six bytes.
            let wanted = unsafe { address.cast::<u8>().add(2).cast::<[u8; ETH_ALEN]>().read() };
            // SAFETY: By the function's requirements.
            unsafe { data::<T>(dev) }.set_mac_address(&wanted)?;
            // SAFETY: As for the preparation, under the same lock.
            unsafe { bindings::eth_commit_mac_addr_change(dev, address) };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// See [`Self::open`]; both lists are valid and nobody changes them during the call.
    unsafe extern "C" fn set_rx_mode(
        dev: *mut bindings::net_device,
        unicast: *mut bindings::netdev_hw_addr_list,
        multicast: *mut bindings::netdev_hw_addr_list,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, flags) = unsafe { (data::<T>(dev), flags(dev)) };
        // SAFETY: The network core passes two lists.
        let (unicast, multicast) = unsafe {
            (
                NonNull::new_unchecked(unicast),
                NonNull::new_unchecked(multicast),
            )
        };
        let mode = RxMode {
            promiscuous: flags & bindings::net_device_flags_IFF_PROMISC != 0,
            all_multicast: flags & bindings::net_device_flags_IFF_ALLMULTI != 0,
            // SAFETY: By the function's requirements.
            unicast: unsafe { AddressList::new(unicast) },
            // SAFETY: By the function's requirements.
            multicast: unsafe { AddressList::new(multicast) },
        };
        from_result(|| this.set_rx_mode(&mode).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::open`].
    unsafe extern "C" fn add_vlan(dev: *mut bindings::net_device, _proto: u16, id: u16) -> c_int {
        // SAFETY: By the function's requirements.
        let this = unsafe { data::<T>(dev) };
        from_result(|| this.add_vlan(id).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::open`].
    unsafe extern "C" fn remove_vlan(
        dev: *mut bindings::net_device,
        _proto: u16,
        id: u16,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let this = unsafe { data::<T>(dev) };
        from_result(|| this.remove_vlan(id).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::open`].
    unsafe extern "C" fn set_features(dev: *mut bindings::net_device, wanted: u64) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, current) = unsafe { (data::<T>(dev), bindings::netdev_get_features(dev)) };
        from_result(|| this.set_features(current, wanted).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::open`]; `bpf` points to a command.
    unsafe extern "C" fn bpf(
        dev: *mut bindings::net_device,
        bpf: *mut bindings::netdev_bpf,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, rtnl, bpf) = unsafe { (data::<T>(dev), Rtnl::new(), &*bpf) };
        if bpf.command != bindings::bpf_netdev_command_XDP_SETUP_PROG {
            return EINVAL.to_errno();
        }
        // SAFETY: This is the part of the union that belongs to the command.
        let setup = unsafe { bpf.__bindgen_anon_1.__bindgen_anon_1.as_ref() };
        // SAFETY: The kernel gives a reference to the program away, unless this call fails.
        let program = NonNull::new(setup.prog).map(|prog| unsafe { Program::from_raw(prog) });
        // SAFETY: The structure is for this call to write to.
        let mut reason = unsafe { ExtAck::from_raw(setup.extack) };
        match this.set_xdp_program(program.clone(), &mut reason, &rtnl) {
            Ok(()) => 0,
            Err(error) => {
                core::mem::forget(program);
                error.to_errno()
            }
        }
    }

    /// # Safety
    ///
    /// See [`Self::open`]; bottom halves are off, and `frames` has `count` frames.
    unsafe extern "C" fn xdp_xmit(
        dev: *mut bindings::net_device,
        count: c_int,
        frames: *mut *mut bindings::xdp_frame,
        flags: u32,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let this = unsafe { data::<T>(dev) };
        from_result(|| {
            let count = usize::try_from(count).map_err(|_| EINVAL)?;
            // SAFETY: By the function's requirements.
            let mut frames = unsafe { Frames::new(frames, count, flags) }?;
            this.xdp_xmit(&mut frames)?;
            // CAST: No more than `count`, a `c_int`.
            Ok(frames.sent() as c_int)
        })
    }

    /// # Safety
    ///
    /// See [`Self::open`].
    unsafe extern "C" fn tx_timeout(dev: *mut bindings::net_device, queue: c_uint) {
        // CAST: A device has no more queues than fit in 16 bits.
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev) }.tx_timeout(queue as u16);
    }
}
