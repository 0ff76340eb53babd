/* SPDX-License-Identifier: ISC */
/*
 * hang DIR: a tenant's FUSE mount on DIR whose file hangs whoever asks about
 * it. Says "ready"; everything comes loose at its end. For tests, as root.
 */
#include <err.h>
#include <stdio.h>

#include "tests/lib/fuseserve.h"

int
main(int argc, char **argv)
{
	int dev;

	if (argc != 2)
		errx(2, "usage: hang DIR");
	if ((dev = fuse_mount(argv[1])) < 0)
		err(1, "%s", argv[1]);
	(void)printf("ready\n");
	(void)fflush(stdout);
	fuse_serve(dev);
	return 0;
}
