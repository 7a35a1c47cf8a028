// SPDX-License-Identifier: GPL-2.0
#![no_main]
virtio_fuzz::fuzz!(virtio_fuzz::queue::run);
