// SPDX-License-Identifier: GPL-2.0

//! Devices that need a reset, refuse one, or do it by halves.

use super::table::{
    Kind,
    Register,
    Row, //
};

/// Faults of the status.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "status-ones",
        Kind::Read(Register::Status),
        0xff,
        "STATUS reads VALUE (all ones)",
        "T17 T105",
    ),
    Row::any(
        "status-zero",
        Kind::Read(Register::Status),
        0,
        "STATUS reads VALUE (0)",
        "T18",
    ),
    Row::any(
        "reset-unseen",
        Kind::ResetUnseen,
        0x0f,
        "after a reset STATUS still reads VALUE (0x0f)",
        "T17 H29",
    ),
    Row::any(
        "reset-refused",
        Kind::ResetRefused,
        0,
        "a reset does nothing: the device goes on with what it has",
        "T17 H29",
    ),
    Row::any(
        "reset-keeps-pfn",
        Kind::ResetKeepsPfn,
        0,
        "a reset leaves QUEUE_PFN as it was",
        "T43",
    ),
    Row::any(
        "needs-reset",
        Kind::NeedsReset,
        0,
        "NEEDS_RESET is set and told, and the device stops",
        "T23 H37",
    ),
    Row::any(
        "needs-reset-idle",
        Kind::NeedsReset,
        1,
        "NEEDS_RESET is set and told, and the device goes on",
        "T23 H37",
    ),
];
