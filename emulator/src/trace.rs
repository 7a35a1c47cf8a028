// SPDX-License-Identifier: GPL-2.0

//! What a device and its driver did, on file: written while it happens, looked at afterwards.
//!
//! A trace is text, a JSON object a line; docs/trace.md describes them all. It is read back here as a
//! timeline, as counts, or as a picture, and by any other program that reads JSON.

pub mod entry;
mod json;
mod line;
mod names;
pub mod pcap;
pub mod picture;
pub mod reader;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod writer;
