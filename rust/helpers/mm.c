// SPDX-License-Identifier: GPL-2.0

#include <linux/cc_platform.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "helpers.h"

phys_addr_t rust_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

struct page *rust_helper_pfn_to_page(unsigned long pfn)
{
	return pfn_to_page(pfn);
}

phys_addr_t rust_helper_virt_to_phys(const void *address)
{
	return virt_to_phys((void *)address);
}

bool rust_helper_cc_platform_has(enum cc_attr attr)
{
	return cc_platform_has(attr);
}
