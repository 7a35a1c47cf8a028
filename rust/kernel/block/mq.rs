// SPDX-License-Identifier: GPL-2.0

//! Multi-queue block drivers.
//!
//! Would replace `rust/kernel/block/mq.rs`, whose requests carry no data to the driver.
//!
//! A driver implements [`Operations`], makes a [`TagSet`] for it, allocates a [`NewDisk`] with
//! its [`QueueLimits`] and adds it to the system, which makes it a [`GenDisk`].
//!
//! # Life of a request
//!
//! The block layer hands [`Operations::queue_rq`] a [`Request`], an owned handle of one started
//! request. Who has the handle has the request: the block layer waits for it. The handle ends in
//! one of four ways:
//!
//! - [`Request::complete`] gives the request back with its outcome, or a [`Completed`] it was added to;
//! - [`Request::requeue`] puts it back to be offered again, as if it were new;
//! - returned from `queue_rq` in a [`Refusal`], the block layer will offer the request again;
//! - dropped, the request fails as an I/O error. No request is ever lost.
//!
//! Removing a [`GenDisk`] waits until no handle is left.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

mod attribute;
mod completed;
mod data;
mod disk;
mod execute;
mod geometry;
mod hw_queue;
mod limits;
mod operations;
mod poll;
mod request;
mod status;
mod tag_set;

#[allow(unused_imports)] // Shared source: each module uses a part of it.
pub use self::{
    attribute::{
        Attribute,
        AttributeList, //
    },
    completed::Completed,
    data::{
        DataIn,
        DataOut,
        RequestData, //
    },
    disk::{
        Disk,
        GenDisk,
        NewDisk, //
    },
    geometry::Geometry,
    hw_queue::HwQueue,
    limits::QueueLimits,
    operations::{
        Operations,
        Overdue,
        Refusal, //
    },
    poll::CompletionBatch,
    request::{
        Op,
        Request,
        SectorRange, //
    },
    status::BlkStatus,
    tag_set::{
        Quiet,
        SpreadVectors,
        TagSet,
        TagSetOptions, //
    },
};
