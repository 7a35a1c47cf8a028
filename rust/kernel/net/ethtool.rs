// SPDX-License-Identifier: GPL-2.0

//! What `ethtool` asks a driver.
//!
//! C header: [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)
//!
//! Would go to `rust/kernel/net/ethtool.rs`.

use core::marker::PhantomData;

use kernel::{
    fmt::{
        self,
        Write, //
    },
    prelude::*, //
};

use super::{
    super::bindings,
    netdev::data, //
};

/// Who drives the device; texts that are too long are cut.
pub struct DriverInfo<'a> {
    /// The name of the driver.
    pub driver: &'a CStr,
    /// Its version.
    pub version: &'a CStr,
    /// The device's place on its bus.
    pub bus: &'a CStr,
}

/// Sizes of the rings, in descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingSizes {
    /// The receive ring, which is as large as it can be.
    pub rx: u32,
    /// The transmit ring, which is as large as it can be.
    pub tx: u32,
}

/// The `ethtool` callbacks of a driver. All are called under the RTNL lock.
pub trait Operations: Sized + Send + Sync + 'static {
    /// Who drives the device.
    fn driver_info(&self) -> DriverInfo<'_>;

    /// The sizes of the rings.
    fn ring_sizes(&self) -> RingSizes;

    /// Calls `visit` with the name and value of every statistic; their number and order never
    /// change while the device is registered.
    fn statistics(&self, visit: &mut dyn FnMut(fmt::Arguments<'_>, u64));
}

/// The C vtable of a driver.
pub(super) struct Vtable<T: Operations>(PhantomData<T>);

impl<T: Operations> Vtable<T> {
    pub(super) const OPS: bindings::ethtool_ops = bindings::ethtool_ops {
        get_drvinfo: Some(Self::get_drvinfo),
        get_link: Some(bindings::ethtool_op_get_link),
        get_ringparam: Some(Self::get_ringparam),
        get_sset_count: Some(Self::get_sset_count),
        get_strings: Some(Self::get_strings),
        get_ethtool_stats: Some(Self::get_ethtool_stats),
        get_link_ksettings: Some(Self::get_link_ksettings),
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

    /// A virtual link has no speed of its own.
    ///
    /// # Safety
    ///
    /// See [`Self::get_drvinfo`].
    unsafe extern "C" fn get_link_ksettings(
        _dev: *mut bindings::net_device,
        answer: *mut bindings::ethtool_link_ksettings,
    ) -> c_int {
        // SAFETY: By the function's requirements.
        let answer = unsafe { &mut *answer };
        // CAST: -1 is all ones in a `u32`, and 0xff in a `u8`.
        answer.base.speed = bindings::SPEED_UNKNOWN as u32;
        answer.base.duplex = bindings::DUPLEX_UNKNOWN as u8;
        answer.base.port = bindings::PORT_OTHER as u8;
        0
    }
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
