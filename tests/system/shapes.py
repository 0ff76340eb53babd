# SPDX-License-Identifier: ISC
"""Compare the JSON files that day_test:json wrote with design section 7:
programs written for the older types must read them unchanged, so a missing
member is as wrong as one of another type. Ours come besides."""
import json
import re
import sys

bad = []


def check(ok, what):
    if not ok:
        bad.append(what)


def load(name):
    with open(name + ".json", encoding="utf-8") as f:
        return json.load(f)


STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
VM = {
    "id": str, "name": str, "status": (str, dict), "guest_ip": str,
    "cpus": int, "memory_mib": int, "profile": str, "revision": str,
    "flake_ref": type(None), "ports": list, "owner": int, "backend": str,
    "state": str, "reason": type(None), "created": str, "started": str,
    "ended": type(None), "address": str,
}


def check_vm(vm, where):
    check(set(vm) == set(VM), f"{where}: members {sorted(set(vm) ^ set(VM))}")
    for key, kind in VM.items():
        check(isinstance(vm.get(key), kind), f"{where}.{key}: {vm.get(key)!r}")
    check(vm["status"] == "Running" and vm["state"] == "Running",
          f"{where}: status")
    check(vm["ports"] == [{"host": 8080, "guest": 80},
                          {"host": 9000, "guest": 7, "proto": "udp"}],
          f"{where}: ports {vm['ports']}")
    check(vm["memory_mib"] == 32 and vm["cpus"] == 1, f"{where}: sizes")
    check(vm["profile"] == "small" and vm["revision"] == "r1", f"{where}: tags")
    check(STAMP.match(vm["created"]) and STAMP.match(vm["started"]),
          f"{where}: times")


check_vm(load("start"), "start")
check_vm(load("info"), "info")
vms = load("list")
check(isinstance(vms, list) and len(vms) == 1, "list: one VM")
check_vm(vms[0], "list[0]")
check(load("status") == "Running", f"status: {load('status')!r}")
failed = load("failed")
check(list(failed) == ["Failed"] and list(failed["Failed"]) == ["reason"] and
      failed["Failed"]["reason"].startswith("panic"), f"failed: {failed!r}")
net = load("network")
for key, value in (("guest_ip", "172.16.0.2"), ("gateway_ip", "172.16.0.1"),
                   ("subnet_cidr", "172.16.0.0/30"), ("mode", "nat"),
                   ("address", load("info")["address"]),
                   ("ports", load("info")["ports"]),
                   ("allow", [{"proto": "tcp", "cidr": "93.184.215.0/24",
                               "ports": "80-81"}])):
    check(net.get(key) == value, f"network.{key}: {net.get(key)!r}")
check("version" in load("version"), "version")
check(load("error") == {"error": "io.postern.Vm.NotFound",
                        "parameters": {"name": "nobody"}}, "error")
for line in bad:
    print(line, file=sys.stderr)
sys.exit(1 if bad else 0)
