// SPDX-License-Identifier: GPL-2.0
/*
 * C's static inlines that rvirtio_kunit needs, as functions.
 */

#include "../../rust/helpers/mm.c"
#include "../../rust/helpers/pci.c"
#include "../../rust/helpers/ratelimit.c"
