/* SPDX-License-Identifier: GPL-2.0 */
/* What the load programs of the guest share. */
#ifndef RVIRTIO_LOAD_H
#define RVIRTIO_LOAD_H

/* Ends the program with a line that says what failed. */
void fail(const char *what) __attribute__((noreturn));
/* A word of the command line as a number. */
long number(const char *word);

/* The jobs; each gets the words after its name and marks one window itself. */
int disk_job(int argc, char **argv);
int poll_job(int argc, char **argv);
int network_job(int argc, char **argv);
/* Not a load: see load_symbols.c. */
int symbols_job(const char *output);

#endif
