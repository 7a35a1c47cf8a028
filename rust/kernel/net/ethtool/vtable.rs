// SPDX-License-Identifier: GPL-2.0

//! The C side of [`Operations`]: `struct ethtool_ops`.

use core::marker::PhantomData;

use kernel::{
    error::{
        from_result,
        to_result, //
    },
    fmt::{
        self,
        Write, //
    },
    prelude::*,
    sync::atomic::ordering::Relaxed, //
};

use super::{
    super::{
        super::bindings,
        netdev::data, //
    },
    Coalescing,
    Operations,
    RingSizes,
    Rtnl, //
};

/// The C vtable of a driver.
pub(in super::super) struct Vtable<T: Operations>(PhantomData<T>);

impl<T: Operations> Vtable<T> {
    pub(in super::super) const OPS: bindings::ethtool_ops = bindings::ethtool_ops {
        get_drvinfo: Some(Self::get_drvinfo),
        get_link: Some(bindings::ethtool_op_get_link),
        supported_coalesce_params: Coalescing::SUPPORTED,
        get_coalesce: Some(Self::get_coalesce),
        set_coalesce: Some(Self::set_coalesce),
        get_per_queue_coalesce: Some(Self::get_per_queue_coalesce),
        set_per_queue_coalesce: Some(Self::set_per_queue_coalesce),
        get_ringparam: Some(Self::get_ringparam),
        set_ringparam: Some(Self::set_ringparam),
        get_channels: Some(Self::get_channels),
        set_channels: Some(Self::set_channels),
        get_rx_ring_count: Some(Self::get_rx_ring_count),
        get_sset_count: Some(Self::get_sset_count),
        get_strings: Some(Self::get_strings),
        get_ethtool_stats: Some(Self::get_ethtool_stats),
        get_link_ksettings: Some(Self::get_link_ksettings),
        set_link_ksettings: Some(Self::set_link_ksettings),
        get_ts_info: Some(bindings::ethtool_op_get_ts_info),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// As for every callback here: called by the network core with a device that a living
    /// `Registration<T>` has registered, and with an answer that may be written.
    unsafe extern "C" fn get_drvinfo(
        dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_drvinfo,
    ) {
        // SAFETY: By the function's requirements.
        let (this, answer) = unsafe { (data::<T>(dev), &mut *answer) };
        let info = this.driver_info();
        copy(&mut answer.driver, info.driver);
        copy(&mut answer.version, info.version);
        copy(&mut answer.bus_info, info.bus);
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_ringparam(
        dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_ringparam,
        _more: *mut bindings::kernel_ethtool_ringparam,
        _extack: *mut bindings::netlink_ext_ack,
    ) {
        // SAFETY: By the function's requirements.
        let (this, answer) = unsafe { (data::<T>(dev), &mut *answer) };
        let sizes = this.ring_sizes();
        answer.rx_max_pending = sizes.rx;
        answer.rx_pending = sizes.rx;
        answer.tx_max_pending = sizes.tx;
        answer.tx_pending = sizes.tx;
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn set_ringparam(
        dev: *mut bindings::net_device,
        wanted: *mut bindings::ethtool_ringparam,
        _more: *mut bindings::kernel_ethtool_ringparam,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, wanted) = unsafe { (data::<T>(dev), &*wanted) };
        let wanted = RingSizes {
            rx: wanted.rx_pending,
            tx: wanted.tx_pending,
        };
        from_result(|| this.set_ring_sizes(wanted).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_channels(
        dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_channels,
    ) {
        // SAFETY: By the function's requirements.
        let (this, answer) = unsafe { (data::<T>(dev), &mut *answer) };
        let channels = this.channels();
        answer.combined_count = channels.current.into();
        answer.max_combined = channels.most.into();
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn set_channels(
        dev: *mut bindings::net_device,
        wanted: *mut bindings::ethtool_channels,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, wanted, rtnl) = unsafe { (data::<T>(dev), &*wanted, Rtnl::new()) };
        from_result(|| {
            // Pairs of queues are all there is.
            if wanted.rx_count != 0 || wanted.tx_count != 0 || wanted.other_count != 0 {
                return Err(EINVAL);
            }
            let pairs = u16::try_from(wanted.combined_count)?;
            if pairs == 0 || pairs > this.channels().most {
                return Err(EINVAL);
            }
            this.set_channels(pairs, &rtnl).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_rx_ring_count(dev: *mut bindings::net_device) -> u32 {
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev) }.channels().current.into()
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_coalesce(
        dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_coalesce,
        _more: *mut bindings::kernel_ethtool_coalesce,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        unsafe { Self::answer_coalescing(dev, None, answer) }
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_per_queue_coalesce(
        dev: *mut bindings::net_device,
        queue: u32,
        answer: *mut bindings::ethtool_coalesce,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        unsafe { Self::answer_coalescing(dev, Some(queue), answer) }
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe fn answer_coalescing(
        dev: *mut bindings::net_device,
        queue: Option<u32>,
        answer: *mut bindings::ethtool_coalesce,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, answer) = unsafe { (data::<T>(dev), &mut *answer) };
        from_result(|| {
            this.coalescing(pair(queue)?)?.store(answer);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn set_coalesce(
        dev: *mut bindings::net_device,
        wanted: *mut bindings::ethtool_coalesce,
        _more: *mut bindings::kernel_ethtool_coalesce,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        unsafe { Self::change_coalescing(dev, None, wanted) }
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn set_per_queue_coalesce(
        dev: *mut bindings::net_device,
        queue: u32,
        wanted: *mut bindings::ethtool_coalesce,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        unsafe { Self::change_coalescing(dev, Some(queue), wanted) }
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe fn change_coalescing(
        dev: *mut bindings::net_device,
        queue: Option<u32>,
        wanted: *mut bindings::ethtool_coalesce,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, wanted) = unsafe { (data::<T>(dev), Coalescing::load(&*wanted)) };
        from_result(|| this.set_coalescing(pair(queue)?, &wanted).map(|()| 0))
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_sset_count(dev: *mut bindings::net_device, set: c_int) -> c_int {
        if set.unsigned_abs() != bindings::ethtool_stringset_ETH_SS_STATS {
            return EOPNOTSUPP.to_errno();
        }
        let mut count = 0;
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev) }.statistics(&mut |_, _| count += 1);
        count
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`]; `names` has room for as many names as there are statistics.
    unsafe extern "C" fn get_strings(dev: *mut bindings::net_device, set: u32, names: *mut u8) {
        if set != bindings::ethtool_stringset_ETH_SS_STATS {
            return;
        }
        let mut next = names.cast::<[u8; bindings::ETH_GSTRING_LEN as usize]>();
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev) }.statistics(&mut |name, _| {
            // SAFETY: There is room for a name per statistic.
            let place = unsafe { &mut *next };
            *place = [0; bindings::ETH_GSTRING_LEN as usize];
            // A name that is too long is cut.
            let _ = Name { place, used: 0 }.write_fmt(name);
            next = next.wrapping_add(1);
        });
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`]; `values` has room for as many values as there are statistics.
    unsafe extern "C" fn get_ethtool_stats(
        dev: *mut bindings::net_device,
        _stats: *mut bindings::ethtool_stats,
        values: *mut u64,
    ) {
        let mut next = values;
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev) }.statistics(&mut |_, value| {
            // SAFETY: There is room for a value per statistic.
            unsafe { next.write(value) };
            next = next.wrapping_add(1);
        });
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_link_ksettings(
        dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_link_ksettings,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let (this, answer) = unsafe { (data::<T>(dev), &mut *answer) };
        let settings = this.link_settings();
        answer.base.speed = settings.speed.load(Relaxed);
        // CAST: What is stored came from a `u8`; a port is a small constant.
        answer.base.duplex = settings.duplex.load(Relaxed) as u8;
        answer.base.port = bindings::PORT_OTHER as u8;
        0
    }

    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn set_link_ksettings(
        dev: *mut bindings::net_device,
        wanted: *const bindings::ethtool_link_ksettings,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let settings = unsafe { data::<T>(dev) }.link_settings();
        let (mut speed, mut duplex) = (0, 0);
        from_result(|| {
            // SAFETY: The device is valid, and so are the settings, which the function checks.
            to_result(unsafe {
                bindings::ethtool_virtdev_set_link_ksettings(
                    dev.cast(),
                    wanted,
                    &mut speed,
                    &mut duplex,
                )
            })?;
            settings.speed.store(speed, Relaxed);
            settings.duplex.store(duplex.into(), Relaxed);
            Ok(0)
        })
    }
}

/// The pair that one of `ethtool`'s queues is.
fn pair(queue: Option<u32>) -> Result<Option<u16>> {
    Ok(queue.map(u16::try_from).transpose()?)
}

/// Copies a text, cut to the room there is, over whatever the network core has put there; the
/// rest becomes NUL.
fn copy(to: &mut [c_char], text: &CStr) {
    let room = to.len().saturating_sub(1);
    let mut bytes = text.to_bytes().iter().take(room);
    for place in to.iter_mut() {
        // CAST: A byte is a byte.
        *place = bytes.next().copied().unwrap_or(0) as c_char;
    }
}

/// A name under construction; its last byte stays NUL.
struct Name<'a> {
    place: &'a mut [u8; bindings::ETH_GSTRING_LEN as usize],
    used: usize,
}

impl Write for Name<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.place.len() - 1;
        for byte in text.bytes() {
            let place = self.place.get_mut(self.used).ok_or(fmt::Error)?;
            if self.used >= room {
                return Err(fmt::Error);
            }
            *place = byte;
            self.used += 1;
        }
        Ok(())
    }
}
