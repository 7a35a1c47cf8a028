/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit module binds beyond the kernel's own rust/bindings. Chosen by kunit_parameters.
 */

#include "pci.h"

void *rust_helper_phys_to_virt(phys_addr_t address);
