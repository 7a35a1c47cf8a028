/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every module binds beyond the kernel's own rust/bindings: PCI, port I/O, interrupts and
 * memory. Chosen by pci_parameters.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/ratelimit.h>

#include "../helpers/helpers.h"
