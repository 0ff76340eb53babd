/* SPDX-License-Identifier: ISC */
/*
 * The test guest's life: a banner with its command line on the console, then
 * the words of the command line, the network and the power button for ever.
 * Runs in the VM.
 */
#include "guest.h"

#define START_INFO_CMDLINE 6	/* hvm_start_info: cmdline_paddr, low half */

void
guest_main(const uint32_t *start_info)
{
	const char *cmdline = (const char *)start_info[START_INFO_CMDLINE];

	if (cmdline == NULL)
		cmdline = "";
	serial_init();
	machine_init(virtio_is_qemu());
	net_init(cmdline);
	channel_init(cmdline);
	cmd_start(cmdline);
	serial_puts("POSTERN-TEST-GUEST ");
	serial_puts(cmdline);
	serial_puts("\n");
	for (;;) {
		cmd_poll();
		if (net_poll() + channel_poll() + serial_poll() == 0)
			machine_idle();
	}
}
