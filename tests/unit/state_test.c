/* SPDX-License-Identifier: ISC */
/*
 * ctld's files: what is saved is loaded; what is torn, altered or somebody
 * else's is set aside and blocks nothing; a write that fails leaves the old
 * file. Runs as anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "ctld/ctld.h"
#include "ctld/state.h"
#include "ctld/state_json.h"
#include "ctld/vm.h"

static struct ctld c;

static void
fresh(void)
{
	c.vms = vmtab_new();
	ATF_REQUIRE(c.vms != NULL);
	(void)mkdir("state", 0700);
	c.state_dir = open("state", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(c.state_dir >= 0);
}

static struct vm *
make(const char *name)
{
	struct vm *vm = vm_new(&c, 1000, name);

	ATF_REQUIRE(vm != NULL);
	vm->spec.flags = CL_HAS_ROOTFS;
	vm->spec.cpus = 2;
	vm->spec.memory_mib = 64;
	vm->spec.net = vm->spec.net_up.mode = NET_NAT;
	vm->spec.net_up.nports = 1;
	vm->spec.net_up.ports[0] = (struct net_port){ 0, 8080, 80, 6, { 0 } };
	vm->spec.net_up.nallow = 1;
	vm->spec.net_up.allow[0] = (struct net_allow){ 0x0a000000, 1, 65535,
		6, 8, { 0 } };
	vm->spec.nchannels = 2;
	vm->spec.channels[0] = 1;
	vm->spec.channels[1] = 65535;
	vm->spec.nvolumes = 1;
	(void)strlcpy(vm->spec.volumes[0].guest, "/data", 64);
	vm->spec.nfiles = 2;
	vm->spec.files[0] = (struct cl_file){ "a.toml", "/x/a.toml", 0444,
		0 };
	vm->spec.files[1] = (struct cl_file){ "key", "", 0400, 1 };
	(void)strlcpy(vm->spec.boot_args, "console=\"ttyS0\" \\", 1024);
	(void)strlcpy(vm->boot_id, "0-1-2", sizeof(vm->boot_id));
	vm->pub.created_ms = 1700000000123;
	vm->pub.slot = vm->h.slot = 7;
	vm->h.generation = UINT64_MAX - 1;
	vm_set_status(vm, VM_RUNNING, "");
	return vm;
}

static void
path_of(const struct vm *vm, char path[64])
{
	(void)snprintf(path, 64, "state/%s.json", vm->pub.id);
}

static struct vm *
reload(const char *name)
{
	c.vms = vmtab_new();
	ATF_REQUIRE_EQ(0, state_load_all(&c));
	return vm_by_name(c.vms, 1000, name);
}

ATF_TC_WITHOUT_HEAD(round_trip);
ATF_TC_BODY(round_trip, tc)
{
	struct vm *vm, *got;

	fresh();
	vm = make("web");
	ATF_REQUIRE_EQ(0, state_save(vm, 1));
	got = reload("web");
	ATF_REQUIRE(got != NULL);
	ATF_CHECK_STREQ(vm->pub.id, got->pub.id);
	ATF_CHECK_EQ(VM_RUNNING, got->pub.status);
	ATF_CHECK_EQ(7, got->h.slot);
	ATF_CHECK_EQ(UINT64_MAX - 1, got->h.generation);
	ATF_CHECK_STREQ("0-1-2", got->boot_id);
	ATF_CHECK_EQ(1700000000123, got->pub.created_ms);
	ATF_CHECK_EQ(-1, got->pub.exit_code);
	ATF_CHECK_EQ(2, got->pub.cpus);
	ATF_CHECK_EQ(1, got->pub.nports);
	ATF_CHECK_STREQ(vm->spec.boot_args, got->spec.boot_args);
	ATF_CHECK_EQ(0, memcmp(&vm->spec.net_up, &got->spec.net_up,
	    sizeof(got->spec.net_up)));
	ATF_CHECK_STREQ("/data", got->spec.volumes[0].guest);
	ATF_CHECK_EQ(2, got->spec.nchannels);
	ATF_CHECK_EQ(1, got->spec.channels[0]);
	ATF_CHECK_EQ(65535, got->spec.channels[1]);
	ATF_CHECK_EQ(2, got->spec.nfiles);
	ATF_CHECK_EQ(0, memcmp(vm->spec.files, got->spec.files,
	    sizeof(got->spec.files)));
	state_remove(got);
	ATF_CHECK(reload("web") == NULL);
}

/* Every prefix of a file, as a crash or a bad disk may leave it. */
ATF_TC_WITHOUT_HEAD(torn);
ATF_TC_BODY(torn, tc)
{
	struct record *r = calloc(1, sizeof(*r));
	char *text, buf[STATE_FILE_MAX];
	struct vm *vm;
	struct err e;
	size_t n, i;
	ssize_t k;
	char path[64];

	fresh();
	vm = make("web");
	ATF_REQUIRE_EQ(0, state_save(vm, 0));
	path_of(vm, path);
	k = fd_slurp(AT_FDCWD, path, buf, sizeof(buf));
	ATF_REQUIRE(k > 0);
	n = (size_t)k;
	text = buf;
	ATF_REQUIRE_EQ(0, record_parse(text, n, r, &e));
	for (i = 0; i < n - 1; i++)
		ATF_CHECK_EQ_MSG(-1, record_parse(text, i, r, &e), "%zu", i);
}

/* Replace `from` by `to` in vm's file. */
static void
alter(const struct vm *vm, const char *from, const char *to)
{
	char buf[STATE_FILE_MAX], out[STATE_FILE_MAX], path[64], *at;
	int fd;

	path_of(vm, path);
	ATF_REQUIRE(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) > 0);
	at = strstr(buf, from);
	ATF_REQUIRE_MSG(at != NULL, "no %s", from);
	*at = '\0';
	(void)snprintf(out, sizeof(out), "%s%s%s", buf, to, at + strlen(from));
	fd = open(path, O_WRONLY | O_TRUNC);
	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, fd_writen(fd, out, strlen(out)));
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	static const char *const t[][2] = {
		{ "\"cpus\": 2", "\"cpus\": -1" },
		{ "\"cpus\": 2", "\"cpus\": \"2\"" },
		{ "\"cpus\": 2", "\"cpus\": 2, \"cpus\": 3" },
		{ "\"cpus\": 2", "\"cpus\": 4294967296" },
		{ "\"cpus\": 2", "\"cpu\": 2" },
		{ "\"cpus\": 2", "\"cpus\": 2, \"more\": 1" },
		{ "\"host\": 8080", "\"host\": 65536" },
		{ "\"name\": \"web\"", "\"name\": \"../x\"" },
		{ "\"name\": \"web\"", "\"name\": \"we\\u0000b\"" },
		{ "\"format\": 1", "\"format\": 2" },
		{ "\"status\": 3", "\"status\": 0" },
		{ "\"status\": 3", "\"status\": 7" },
		{ "\"generation\": \"", "\"generation\": \"-" },
		{ "\"generation\": \"", "\"generation\": \"99" },
		{ "\"id\": \"vm-", "\"id\": \"vm-0" },
		{ "\"boot_id\": \"", "\"boot_id\": \""
		    "0123456789012345678901234567890123456789" },
		{ "\"spec\": {", "\"spec\": [], \"x\": {" },
	};
	char path[64];
	struct vm *vm;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fresh();
		vm = make("web");
		ATF_REQUIRE_EQ(0, state_save(vm, 0));
		ATF_REQUIRE_EQ(0, state_save(make("other"), 0));
		alter(vm, t[i][0], t[i][1]);
		ATF_CHECK_MSG(reload("web") == NULL, "%s", t[i][1]);
		ATF_CHECK(vm_by_name(c.vms, 1000, "other") != NULL);
		(void)snprintf(path, sizeof(path), "state/%s.damaged",
		    vm->pub.id);
		ATF_CHECK_EQ_MSG(0, access(path, F_OK), "%s", t[i][1]);
		state_remove(vm_by_name(c.vms, 1000, "other"));
	}
}

ATF_TC_WITHOUT_HEAD(same_name);
ATF_TC_BODY(same_name, tc)
{
	struct vm *a, *b;

	fresh();
	a = make("web");
	b = make("other");
	ATF_REQUIRE_EQ(0, state_save(a, 0));
	ATF_REQUIRE_EQ(0, state_save(b, 0));
	alter(b, "\"name\": \"other\"", "\"name\": \"web\"");
	ATF_CHECK(reload("web") != NULL);
	ATF_CHECK_EQ(1, c.vms->n);
}

/* No room for the new file: the old one stays, whole. */
ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	struct rlimit rl = { 512, 512 };
	struct vm *vm, *got;

	fresh();
	vm = make("web");
	ATF_REQUIRE_EQ(0, state_save(vm, 1));
	(void)signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &rl));
	vm_set_status(vm, VM_STOPPED, "stopped");
	ATF_CHECK_EQ(-1, state_save(vm, 1));
	ATF_CHECK_EQ(EFBIG, errno);
	got = reload("web");
	ATF_REQUIRE(got != NULL);
	ATF_CHECK_EQ(VM_RUNNING, got->pub.status);
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	struct vm *vm;
	struct vm_handle h = { 7, UINT64_MAX - 1 };

	fresh();
	vm = make("web");
	ATF_CHECK(vm_new(&c, 1000, "web") == NULL);
	ATF_CHECK_EQ(EEXIST, errno);
	ATF_CHECK(vm_new(&c, 1001, "web") != NULL);
	ATF_CHECK(vm_new_id(&c, 1002, "x", vm->pub.id) == NULL);
	ATF_CHECK_EQ(vm, vm_by_name(c.vms, 1000, "web"));
	ATF_CHECK_EQ(vm, vm_by_id(c.vms, vm->pub.id));
	ATF_CHECK_EQ(vm, vm_by_slot(c.vms, &h));
	h.generation--;
	ATF_CHECK(vm_by_slot(c.vms, &h) == NULL);
	ATF_CHECK_EQ(1, vm_count(c.vms, 1001));
	ATF_CHECK_EQ(2, c.vms->n);
	vm_free(vm);
	ATF_CHECK(vm_by_name(c.vms, 1000, "web") == NULL);
	ATF_CHECK_EQ(1, c.vms->n);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, round_trip);
	ATF_TP_ADD_TC(tp, torn);
	ATF_TP_ADD_TC(tp, damaged);
	ATF_TP_ADD_TC(tp, same_name);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, names);
	return atf_no_error();
}
