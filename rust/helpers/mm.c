// SPDX-License-Identifier: GPL-2.0

#include <linux/cc_platform.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "helpers.h"

phys_addr_t rust_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

void *rust_helper_phys_to_virt(phys_addr_t address)
{
	return phys_to_virt(address);
}

void *rust_helper_kmalloc(size_t bytes, gfp_t flags)
{
	return kmalloc(bytes, flags);
}

phys_addr_t rust_helper_virt_to_phys(const void *address)
{
	return virt_to_phys((void *)address);
}

bool rust_helper_cc_platform_has(enum cc_attr attr)
{
	return cc_platform_has(attr);
}
