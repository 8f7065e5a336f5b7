// SPDX-License-Identifier: GPL-2.0
/*
 * Use more memory than the machine has, and check its content.
 *
 * usage: helper-hog MEBIBYTES PASSES
 *
 * Each page has its number and the number of the pass; each pass writes all of them, the next
 * one checks first.  Prints a line per pass: "pass N".  Exit status 1 at the first wrong
 * page.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE	4096

int main(int argc, char **argv)
{
	uint64_t pages, passes, i, pass;
	uint64_t *at;

	if (argc != 3)
		return 2;
	pages = strtoull(argv[1], NULL, 0) << 8;
	passes = strtoull(argv[2], NULL, 0);
	at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		perror("helper-hog: mmap");
		return 1;
	}
	for (pass = 1; pass <= passes; pass++) {
		for (i = 0; i < pages; i++) {
			uint64_t *page = at + i * (PAGE / 8);

			if (pass > 1 && (page[0] != i || page[PAGE / 8 - 1] != pass - 1)) {
				fprintf(stderr, "helper-hog: pass %llu, page %llu: %llu %llu\n",
					(unsigned long long)pass, (unsigned long long)i,
					(unsigned long long)page[0],
					(unsigned long long)page[PAGE / 8 - 1]);
				return 1;
			}
			page[0] = i;
			page[PAGE / 8 - 1] = pass;
		}
		printf("pass %llu\n", (unsigned long long)pass);
		fflush(stdout);
	}
	return 0;
}
