/* SPDX-License-Identifier: ISC */
/*
 * org.varlink.service, with the interface's own text as compiled in. Runs in
 * a connection's own process.
 */
#include <string.h>

#include "config.h"
#include "ctld/client/args.h"
#include "ctld/client/serve.h"

static const char vm_text[] =
#include "ctld/client/vm_text.h"
    ;

static const char service_text[] =
    "# The Varlink Service Interface\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (vendor: string, product: string,\n"
    "  version: string, url: string, interfaces: []string)\n\n"
    "method GetInterfaceDescription(interface: string)\n"
    "  -> (description: string)\n\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

int
service_info(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { NULL };

	if (arg_known(params, "", names, e) < 0)
		return -1;
	return reply(s,
	    json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "Postern",
		"product", PACKAGE_NAME, "version", PACKAGE_VERSION, "url",
		"", "interfaces", "io.postern.Vm", "org.varlink.service"),
	    0);
}

int
service_description(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "interface", NULL };
	const char *name = json_string_value(
	    json_object_get(params, "interface"));

	if (arg_known(params, "", names, e) < 0)
		return -1;
	if (name == NULL)
		return arg_bad(e, "", "interface", "missing; say which");
	if (strcmp(name, "io.postern.Vm") == 0)
		return reply(s, json_pack("{s:s}", "description", vm_text),
		    0);
	if (strcmp(name, "org.varlink.service") == 0)
		return reply(s,
		    json_pack("{s:s}", "description", service_text), 0);
	return arg_bad(e, "", "interface",
	    "unknown; io.postern.Vm and org.varlink.service are served");
}
