/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the entropy driver binds beyond the kernel's own rust/bindings. Chosen by rng_parameters.
 */

#include <linux/hw_random.h>

#include "pci.h"
