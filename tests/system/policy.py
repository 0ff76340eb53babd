# SPDX-License-Identifier: ISC
"""Compare `postern policy --json` with /proc of the live roles.

usage: policy.py POLICY.json ROLES

ROLES has a line "PID PROGRAM" for each. Prints one line for each deviation
and exits 1 if there is one."""
import json
import sys

CAPS = {"CHOWN": 0, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12,
        "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_ADMIN": 21, "MKNOD": 27}
LIMITS = {"nofile": ("Max open files", 1), "nproc": ("Max processes", 1),
          "fsize_kib": ("Max file size", 1024),
          "core": ("Max core file size", 1)}

with open(sys.argv[1], encoding="utf-8") as f:
    said = {p["program"]: p for p in json.load(f)["processes"]
            if p["program"]}
bad = 0
seen = 0
with open(sys.argv[2], encoding="utf-8") as f:
    roles = [line.split() for line in f]
for pid, program in roles:
    row = said[program]
    status = {}
    limits = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(":")
            status[key] = value.strip()
    with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
        for line in f:
            limits[line[:25].strip()] = line[25:].split()
    want = sum(1 << CAPS[c] for c in row["capabilities"])
    checks = [("uid", str(row["uid"]), status["Uid"].split()[1]),
              ("seccomp mode", "2", status["Seccomp"]),
              ("seccomp filters", "1", status["Seccomp_filters"])]
    for which in ("CapPrm", "CapEff", "CapBnd"):
        checks.append((which, want, int(status[which], 16)))
    for key, (name, unit) in LIMITS.items():
        for k in (0, 1):
            checks.append((key, str(row[key] * unit), limits[name][k]))
    for what, must, is_ in checks:
        seen += 1
        if must != is_:
            bad += 1
            print(f"{program} ({pid}): {what} is {is_}, policy says {must}")
print(f"{seen} compared")
sys.exit(1 if bad or not seen else 0)
