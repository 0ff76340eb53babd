/* SPDX-License-Identifier: ISC */
/*
 * postern: the command. Runs with the caller's rights. A command is a row of
 * the table below and a function in a file of its group.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctld/cli/cli.h"

enum { OPT_JSON = OPT_FIRST + 900, OPT_SOCKET, OPT_HELP };

static const struct command commands[] = {
	{ "start", cmd_start, "start a new VM, or a defined one",
	    "usage: postern start NAME --kernel FILE [options]\n"
	    "       postern start NAME      one that is defined, as it is\n"
	    "  --kernel FILE --initrd FILE --rootfs FILE   opened as you\n"
	    "  --rootfs-ro                 the guest may not write to it\n"
	    "  --volume FILE:GUEST[:ro]    another image (repeatable)\n"
	    "  --cpus N                    (1)\n"
	    "  --memory SIZE               like 512M or 2G (256M)\n"
	    "  -p [ADDR:]HOST:GUEST[/udp]  publish a port (repeatable)\n"
	    "  --allow PROTO:CIDR[:PORT[-PORT]]  let it reach this; else it\n"
	    "                              reaches nothing (repeatable)\n"
	    "  --net nat|none   --backend auto|qemu|firecracker\n"
	    "  --boot-args TEXT            the kernel's command line\n"
	    "  --ready console:TEXT|tcp:GUESTPORT|agent   wait for this too\n"
	    "  --channel PORT              for postern connect (repeatable)\n"
	    "  --timeout S (60)  --grace S  --rm (remove when it ends)\n"
	    "  --profile P --revision H --flake-ref R   kept for you\n"
	    "  --spec FILE.json            all of it as JSON; flags win\n"
	    "example: postern start web --kernel vmlinux --rootfs web.img "
	    "-p 8080:80\n" },
	{ "stop", cmd_stop, "ask guests to power off, then end them",
	    "usage: postern stop [--grace S] NAME... | --all | --everybody\n"
	    "  --all      every running VM of yours, all at once\n"
	    "  --everybody   every running VM of every owner (admins)\n"
	    "  --grace S  seconds the guest has (else the VM's own, 2)\n"
	    "example: postern stop --grace 10 web\n" },
	{ "kill", cmd_kill, "end VMs at once",
	    "usage: postern kill NAME...\n"
	    "example: postern kill web\n" },
	{ "rm", cmd_rm, "forget stopped VMs and their last console",
	    "usage: postern rm [-f] NAME...\n"
	    "  -f, --force  kill it first if it runs\n"
	    "example: postern rm -f web\n" },
	{ "list", cmd_list, "list VMs",
	    "usage: postern list [-a]\n"
	    "  -a, --all  stopped ones too (admins: of every owner)\n"
	    "example: postern list -a --json\n" },
	{ "status", cmd_status, "tell how a VM is",
	    "usage: postern status NAME\n"
	    "example: postern status web\n" },
	{ "info", cmd_info, "tell all about a VM",
	    "usage: postern info NAME\n"
	    "example: postern info web --json\n" },
	{ "network", cmd_network, "tell a VM's addresses, ports and rules",
	    "usage: postern network NAME\n"
	    "example: postern network web\n" },
	{ "logs", cmd_logs, "show a VM's console",
	    "usage: postern logs [-n N] [-f] [--hypervisor] [--raw] NAME\n"
	    "  -n, --lines N  the last N lines only\n"
	    "  -f, --follow   go on as the guest writes\n"
	    "  --hypervisor   what the VMM said, not the guest\n"
	    "  --raw          do not escape what is not text\n"
	    "example: postern logs -n 20 -f web\n" },
	{ "create", cmd_create, "define a VM, and start nothing",
	    "usage: postern create NAME --kernel FILE [options]\n"
	    "  options as with start, but --timeout and --ready tcp:PORT;\n"
	    "  postern start NAME opens the files again, as you\n"
	    "example: postern create web --kernel vmlinux --rootfs web.img\n"
	},
	{ "run", cmd_run, "run a VM in the foreground",
	    "usage: postern run NAME [--kernel FILE] [--raw] [--rm] "
	    "[options]\n"
	    "  options as with start, but --ready; shows the console\n"
	    "  --raw  do not escape what is not text\n"
	    "  --rm   remove it afterwards\n"
	    "  a first signal stops the guest, a second kills it\n"
	    "exit status: 0 powered off or stopped, 1 failed, 137 killed,\n"
	    "  125 postern's own trouble\n"
	    "example: postern run job --kernel vmlinux --rootfs job.img "
	    "--rm\n" },
	{ "restart", cmd_restart, "stop a VM and start it again",
	    "usage: postern restart [--grace S] NAME\n"
	    "  its files are opened again, as you, before it is stopped;\n"
	    "  one that does not run is started\n"
	    "example: postern restart web\n" },
	{ "pause", cmd_pause, "hold guests still",
	    "usage: postern pause NAME...\n"
	    "example: postern pause web\n" },
	{ "resume", cmd_resume, "let paused guests go on",
	    "usage: postern resume NAME...\n"
	    "example: postern resume web\n" },
	{ "wait", cmd_wait, "wait until VMs have ended",
	    "usage: postern wait [--timeout S] NAME...\n"
	    "  --timeout S  exit status 124 if one still runs then\n"
	    "example: postern wait --timeout 60 job\n" },
	{ "events", cmd_events, "tell what happened to VMs",
	    "usage: postern events [-f]\n"
	    "  -f, --follow  go on as things happen\n"
	    "the newest 1000, yours (admins: everybody's); --json: one a "
	    "line\n"
	    "example: postern events -f --json\n" },
	{ "backends", cmd_backends, "tell which VMMs can be used",
	    "usage: postern backends\n"
	    "example: postern backends --json\n" },
	{ "call", cmd_call, "call a method of the daemon",
	    "usage: postern call [--more] METHOD [JSON | -]\n"
	    "  METHOD of io.postern.Vm, or a full name; JSON: its parameters,\n"
	    "  - reads them from standard input; --more: all its answers\n"
	    "example: postern call Status '{\"name\":\"web\"}'\n" },
	{ "top", cmd_top, "show what VMs use",
	    "usage: postern top [--once] [--interval S]\n"
	    "  --once        one table, and done\n"
	    "  --interval S  seconds between tables (1)\n"
	    "CPU% is of one processor; MEMORY is the whole VMM's, beside the\n"
	    "guest's; THROTTLE the seconds that it was held back; PKT-OUT "
	    "what\nthe guest sent. Your VMs (admins: everybody's).\n"
	    "example: postern top --once --json\n" },
	{ "metrics", cmd_metrics, "print what VMs use, for Prometheus",
	    "usage: postern metrics\n"
	    "example: postern metrics > "
	    "/var/lib/node_exporter/postern.prom\n" },
	{ "check", cmd_check, "find out why a published port does not answer",
	    "usage: postern check NAME [PORT]\n"
	    "  PORT  published on this host, or the guest's (all of them)\n"
	    "walks the way of a connection: VM, publication, the host's "
	    "rules (as root),\nthe guest's answer; says who refuses and "
	    "what to do\n"
	    "example: postern check web 8080\n" },
	{ "doctor", cmd_doctor, "look whether this host is fit",
	    "usage: postern doctor [-a] | --verify\n"
	    "  -a, --all  what is fine, too\n"
	    "  --verify   as root: is all that exists of VMs accounted for, "
	    "and all\n             that is accounted for there?\n"
	    "exit status: 0 fine, 1 warnings (--verify: leaks or lies), "
	    "2 not fit\nfor several tenants, or for VMs at all\n"
	    "example: postern doctor --json\n" },
	{ "policy", cmd_policy, "print what each process may do, and why",
	    "usage: postern policy [LIST]\n"
	    "  LIST  a seccomp list (front, net, jail, s, sup, qemu, fc, "
	    "ctld,\n        client, client_child, conf): its rules with "
	    "their reasons\n"
	    "From the tables that are enforced. With the daemon running, also "
	    "what\nthe operator switched off, your ceilings, the VMs' ids.\n"
	    "example: postern policy front\n" },
	{ "firewall", cmd_firewall, "show or change what a VM may reach",
	    "usage: postern firewall show [-a] NAME\n"
	    "       postern firewall set|add|remove NAME [--allow] ENTRY...\n"
	    "       postern firewall reset NAME   reaches nothing any more\n"
	    "  ENTRY is PROTO:CIDR[:PORT[-PORT]]; PROTO tcp, udp, icmp, any\n"
	    "  -a, --all  rules that no packet met too\n"
	    "a running VM's list changes at once and as a whole: what is still\n"
	    "allowed does not notice, what is not ends; a stopped VM's is "
	    "kept\n"
	    "for its next start\n"
	    "example: postern firewall set web tcp:1.1.1.1:443 "
	    "udp:9.9.9.9:53\n" },
	{ "port", cmd_port, "publish more ports of a VM, or fewer",
	    "usage: postern port add|remove NAME "
	    "[ADDR:]HOST:GUEST[/udp]...\n"
	    "a running VM's at once; a stopped one's at its next start\n"
	    "example: postern port add web 8443:443\n" },
	{ "console", cmd_console, "attach to a VM's console",
	    "usage: postern console [--raw] NAME\n"
	    "  ^] leaves; every other key goes to the guest\n"
	    "  --raw  do not escape what is not text; a guest can then\n"
	    "         control your terminal\n"
	    "example: postern console web\n" },
	{ "connect", cmd_connect, "standard input and output to a guest port",
	    "usage: postern connect [--raw] [--linger S] NAME PORT\n"
	    "  PORT        one that was declared: start --channel PORT\n"
	    "  --raw       do not escape what goes to a terminal\n"
	    "  --linger S  after the input's end wait so long for more (1)\n"
	    "example: echo status | postern connect web 7\n" },
	{ "channel", cmd_channel, "tell where programs reach the guest",
	    "usage: postern channel NAME\n"
	    "  connect to the socket, say \"CONNECT PORT\", read \"OK PORT\"\n"
	    "example: postern channel web --json\n" },
	{ "version", cmd_version, "print the version",
	    "usage: postern version\n"
	    "example: postern version --json\n" },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char common[] =
    "common options: --json, --socket PATH (or POSTERN_SOCKET), --help\n";

int
cli_usage(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "postern%s%s: ", c->cmd != NULL ? " " : "",
	    c->cmd != NULL ? c->cmd->name : "");
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; see postern %s%s--help\n",
	    c->cmd != NULL ? c->cmd->name : "", c->cmd != NULL ? " " : "");
	return EX_USE;
}

static void
help(const struct cli *c)
{
	size_t i;

	if (c->cmd != NULL) {
		(void)printf("%s%s", c->cmd->usage, common);
		return;
	}
	(void)printf("usage: postern COMMAND [options]\n");
	for (i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-9s %s\n", commands[i].name,
		    commands[i].line);
	(void)printf("%spostern COMMAND --help tells more\n", common);
}

static void
common_option(struct cli *c, int opt, const char *arg)
{
	switch (opt) {
	case OPT_JSON:
		c->json = 1;
		break;
	case OPT_SOCKET:
		c->socket = arg;
		break;
	case OPT_HELP:
	default:
		help(c);
		exit(EX_DONE);
	}
}

int
cli_getopt(struct cli *c, int argc, char *argv[], const char *shorts,
    const struct option *longs)
{
	static const struct option ours[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct option all[44];
	size_t n = 0;
	int opt;

	while (longs != NULL && longs[n].name != NULL && n < 40) {
		all[n] = longs[n];
		n++;
	}
	memcpy(&all[n], ours, sizeof(ours));
	opterr = 0;
	for (;;) {
		opt = getopt_long(argc, argv, shorts, all, NULL);
		if (opt == OPT_JSON || opt == OPT_SOCKET || opt == OPT_HELP) {
			common_option(c, opt, optarg);
			continue;
		}
		if (opt == '?' || opt == ':')
			(void)cli_usage(c, opt == ':' ?
				"%s needs an argument" :
				"unknown option %s", argv[optind - 1]);
		return opt == ':' ? '?' : opt;
	}
}

static const struct command *
find(const char *name)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

int
main(int argc, char *argv[])
{
	struct cli c = { .socket = getenv("POSTERN_SOCKET") };
	const struct command *cmd;
	int r;

	if (c.socket == NULL || c.socket[0] == '\0')
		c.socket = CLI_SOCKET;
	if (cli_getopt(&c, argc, argv, "+:", NULL) != -1)
		return EX_USE;
	if (optind >= argc)
		return cli_usage(&c, "no command");
	cmd = find(argv[optind]);
	if (cmd == NULL)
		return cli_usage(&c, "unknown command %s", argv[optind]);
	c.cmd = cmd;
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt_long begins anew */
	r = cmd->run(&c, argc, argv);
	/* a full disk must not look like success */
	if (fflush(stdout) != 0 && r == EX_DONE) {
		(void)fprintf(stderr, "postern: cannot write the output\n");
		r = EX_FAILED;
	}
	return r;
}
