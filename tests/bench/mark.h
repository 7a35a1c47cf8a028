/* SPDX-License-Identifier: GPL-2.0 */
/* The marks with which a program in the guest begins and ends a window of the counting plugin. */
#ifndef RVIRTIO_MARK_H
#define RVIRTIO_MARK_H

#define MARK_START 0x52564254
#define MARK_STOP 0x52564250

/* A no-op of seven bytes with the number as its displacement: no processor reads that address. */
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n.long %c0" : : "i"(number) : "memory")

#endif
