// SPDX-License-Identifier: GPL-2.0

//! Networking: devices, NAPI, socket buffers and page pools for drivers.
//!
//! Would go to `rust/kernel/net`.

pub(crate) mod addr_list;
pub(crate) mod ethtool;
pub(crate) mod napi;
pub(crate) mod netdev;
pub(crate) mod ops;
pub(crate) mod page_pool;
pub(crate) mod queue_stats;
pub(crate) mod rtnl;
pub(crate) mod rx_queue;
pub(crate) mod skb;
pub(crate) mod stats;
pub(crate) mod tx;
pub(crate) mod xdp;
