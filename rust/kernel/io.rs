// SPDX-License-Identifier: GPL-2.0

//! What `kernel::io` lacks.

pub(crate) mod port;
