// SPDX-License-Identifier: GPL-2.0
/*
 * The load of the benchmark, run in the guest: `load JOB WORDS...`. A job warms up, marks a window
 * (mark.h), and prints how many units of work were done in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

void fail(const char *what)
{
	perror(what);
	exit(1);
}

long number(const char *word)
{
	char *end;
	long value = strtol(word, &end, 0);

	if (*end || end == word) {
		fprintf(stderr, "load: %s is no number\n", word);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "symbols"))
		return symbols_job(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "disk"))
		return disk_job(argc - 2, argv + 2);
	if (argc > 2 && !strcmp(argv[1], "poll"))
		return poll_job(argc - 2, argv + 2);
	if (argc > 2)
		return network_job(argc - 1, argv + 1);
	fprintf(stderr, "usage: load disk DEVICE read|write BYTES BATCH COUNT THREADS | load poll DEVICE COUNT | "
		"load JOB WORDS... | load symbols OUTPUT\n");
	return 2;
}
