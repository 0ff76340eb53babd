# SPDX-License-Identifier: ISC
"""Compare live processes with what policy/roles.def and common/rolefd.h say.

usage: procs.py TOP_SRCDIR KIND:PID...

KIND is a role's program, or connection, vmsup, vmm. Prints one line for each
deviation and exits 1 if there is one. Reads /proc only."""
import os
import re
import sys

top = sys.argv[1]
bad = []

CAPS = {"CHOWN": 0, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12,
        "SYS_CHROOT": 18, "SYS_ADMIN": 21, "MKNOD": 27}
SOCKET, MEMFD, PIDFD = r"socket:\[", r"/memfd:", r"anon_inode:\[pidfd\]"
EVENTS = r"anon_inode:\[(eventpoll|eventfd|signalfd)\]"
PIPE, NET, MNT = r"pipe:\[", r"net:\[", r"mnt:\["
MOUNTS = r"/proc/\d+/mountinfo$"
LOCK, CGROUP = r"/.*/lock$", r"/sys/fs/cgroup/.*-vms$"

# What stands behind each descriptor of common/rolefd.h.
CLASSES = {
    "RFD_CONF": MEMFD, "RFD_FILTER": MEMFD,
    "FRONT_FD_LEDGER": r"/.*/front/ledger$", "FRONT_FD_LOCK": LOCK,
    "NET_FD_SYS4": r"/proc/sys/net/ipv4$",
    "NET_FD_SYS6": r"/proc/sys/net/ipv6$", "NET_FD_WASOFF": r"/dev/null$",
    "NET_FD_LOCK": LOCK,
    "JAIL_FD_PROC": r"/$", "JAIL_FD_HOSTNET": NET, "JAIL_FD_EMPTYNS": MNT,
    "JAIL_FD_USR": r"/usr$", "JAIL_FD_DEV": r"/$",
    "JAIL_FD_VMSUP": r"/.*/vmsup$", "JAIL_FD_FILTER_S": MEMFD,
    "JAIL_FD_FILTER_SUP": MEMFD, "JAIL_FD_FILTER_QEMU": MEMFD,
    "JAIL_FD_FILTER_FC": MEMFD, "JAIL_FD_VMMDIR": r"/",
    "JAIL_FD_LOCK": LOCK,
    "CTLD_FD_STATE": r"/.*/ctld$", "CTLD_FD_RUN": r"/.*/ctld$",
    "JAIL_FD_MOUNTS": MOUNTS, "JAIL_FD_DISKS": r"/sys/dev/block$",
    "CTLD_FD_LOCK": LOCK, "CTLD_FD_CHANNEL": r"/.*/channel$",
    "CLIENT_FD_FILTER_CHILD": MEMFD,
}
# What a role opens or is sent besides, at any other number.
EXTRA = {
    "privd-front": (SOCKET, MOUNTS, r"/proc/meminfo$"),
    "privd-net": (SOCKET,),
    "privd-jail": (PIDFD, NET, MNT, CGROUP),
    "ctld": (SOCKET, MEMFD, PIDFD, EVENTS, PIPE, MOUNTS, r"/proc/\d+/fd$",
             r"/.*/ctld/events$"),
    "ctld-client": (EVENTS, r"/proc/\d+/mountinfo$"),
    "connection": (SOCKET, MEMFD, r"/proc/\d+/mountinfo$"),
    "vmsup": (SOCKET, MEMFD, PIDFD, EVENTS, PIPE, r"/dev/null$"),
    "vmm": (SOCKET, EVENTS, PIPE, MEMFD, r"/tun$", r"/.*/img/"),
}
PREFIX = {"privd-front": "FRONT", "privd-net": "NET", "privd-jail": "JAIL",
          "ctld": "CTLD", "ctld-client": "CLIENT"}


def roles():
    """program -> mask of its capabilities"""
    with open(top + "/policy/roles.def", encoding="utf-8") as f:
        text = f.read()
    rows = {}
    for m in re.finditer(r'^ROLE\(\w+, "[^"]*", "([\w-]+)", \w+,(.*?)"',
                         text, re.M | re.S):
        names = re.findall(r"CAP\((\w+)\)", m.group(2))
        rows[m.group(1)] = sum(1 << CAPS[n] for n in names)
    return rows


def numbers():
    """name -> number, of every enumerator of rolefd.h"""
    with open(top + "/common/rolefd.h", encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    known = {}
    for body in re.findall(r"enum\s*\{(.*?)\}", text, re.S):
        value = -1
        for item in filter(None, (i.strip() for i in body.split(","))):
            name, _, expr = (p.strip() for p in item.partition("="))
            if expr:
                left, _, right = (p.strip() for p in expr.partition("+"))
                value = (known[left] if left in known else int(left)) + \
                    int(right or 0)
            else:
                value += 1
            known[name] = value
    return known


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) if ":\t" in line
                    else (line.strip(": \n"), "") for line in f)


def complain(kind, pid, text):
    bad.append(f"{kind} ({pid}): {text}")


def check_status(kind, pid, caps):
    st = status(pid)
    for which in ("Uid", "Gid"):
        ids = st[which].split()
        if len(set(ids)) != 1 or ids[0] == "0":
            complain(kind, pid, f"{which} {ids}")
    if st["Groups"].strip():
        complain(kind, pid, f"Groups {st['Groups']}")
    for which, want in (("CapInh", 0), ("CapPrm", caps), ("CapEff", caps),
                        ("CapBnd", caps), ("CapAmb", 0)):
        if int(st[which], 16) != want:
            complain(kind, pid, f"{which} {st[which]}, not {want:x}")
    for which, want in (("NoNewPrivs", "1"), ("Seccomp", "2")):
        if st[which] != want:
            complain(kind, pid, f"{which} {st[which]}")
    # files below /proc/PID of what may not be dumped are root's
    owner = os.stat(f"/proc/{pid}/environ").st_uid
    if (owner == 0) != (kind not in ("vmsup", "vmm")):
        complain(kind, pid, f"dumpable: its files in /proc are {owner}'s")
    with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
        core = re.search(r"core file size\s+(\d+|unlimited)", f.read())
    if core.group(1) != "0":
        complain(kind, pid, "may write a core file")
    return st["Uid"].split()[0]


def check_fds(kind, pid, known):
    names = {}
    prefix = PREFIX.get(kind)
    for name, number in known.items():
        if prefix and not name.endswith("_END") and \
                name.startswith((prefix + "_FD_", "RFD_")):
            names[number] = name
    if kind == "privd-jail":
        first = known["JAIL_FD_CG2"]
        for number in range(first, known["JAIL_FD_LOCK"]):
            names[number] = "cgroup"
    for fd in sorted(map(int, os.listdir(f"/proc/{pid}/fd"))):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if fd < 3 and kind != "vmm":
            ok = re.match(r"/dev/null$|/.*/log$", target)
        else:
            name = names.get(fd)
            if name == "cgroup":
                want = (CGROUP,)
            elif name:
                # a number whose first owner was closed may be used again
                want = (CLASSES.get(name, SOCKET),) + EXTRA[kind]
            else:
                want = EXTRA[kind]
            ok = any(re.match(w, target) for w in want)
        if not ok:
            complain(kind, pid, f"descriptor {fd} is {target}")


def main():
    caps, known = roles(), numbers()
    uids, sessions = {}, {}
    if set(caps) < set(PREFIX):
        bad.append(f"roles.def: cannot read it: {caps}")
    for arg in sys.argv[2:]:
        kind, _, pid = arg.partition(":")
        uid = check_status(kind, pid, caps.get(kind, 0))
        check_fds(kind, pid, known)
        sid = os.getsid(int(pid))
        if kind == "connection":
            continue
        for what, table, value in (("uid", uids, uid),
                                   ("session", sessions, sid)):
            if value in table:
                complain(kind, pid, f"shares {what} with {table[value]}")
            table[value] = kind
        if sid != int(pid):
            complain(kind, pid, f"no session of its own: {sid}")
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


main()
