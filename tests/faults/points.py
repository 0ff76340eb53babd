# SPDX-License-Identifier: ISC
"""points.py DIR INSTANCE INJECT KIND [EVERY [OFFSET]]

Kills and single faults at every point of a VM's start and stop, and what is
true afterwards. KIND is kills, faults, or lie=ROLE,REQUEST,WHO,CALL,K for
one call that only claims to have been made. Of the points every EVERYth is tried,
from OFFSET on. Prints each leak and lie, and a table; exits 1 if there is one.

A point is a system call that a role, or a process that it cloned, was seen to
make between hearing a request and hearing the next, named by that request,
the process, the call, and which one of its name. So none is forgotten."""
import collections
import errno
import os
import re
import signal
import sys
import time

from lab import Lab, NO_DAEMON, NOT_FOUND, PORT, STAY_PORT

# Whose calls are followed with which role.
FOLLOWED = ("front", "net", "jail", "ctld")

# Calls that change something outside of their process, and its end.
EFFECTS = set("""mkdirat unlinkat write pwrite64 sendmsg sendto clone3 setns
unshare fsopen fsmount fsconfig move_mount open_tree mount_setattr pivot_root
umount2 mknodat symlinkat fchownat fchown execveat ioctl bind listen connect
accept4 renameat renameat2 fsync ftruncate memfd_create pidfd_send_signal
waitid sethostname socket socketpair pipe2 flock sendfile""".split())

# The errors that a call may meet on a host in trouble.
ERRORS = {
    "openat": "EMFILE ENOMEM", "openat2": "ENFILE", "read": "EIO EINTR",
    "pread64": "EIO", "write": "ENOSPC EIO", "pwrite64": "ENOSPC EIO",
    "sendmsg": "ENOMEM EINTR", "sendto": "ENOBUFS", "recvmsg": "EINTR",
    "recvfrom": "ENOMEM EINTR", "mkdirat": "ENOSPC ENOMEM",
    "unlinkat": "EBUSY EIO", "clone3": "EAGAIN ENOMEM", "setns": "EPERM",
    "unshare": "ENOSPC ENOMEM", "fsopen": "ENOMEM EMFILE",
    "fsmount": "EMFILE ENOMEM", "fsconfig": "ENOMEM", "move_mount": "ENOSPC",
    "open_tree": "EMFILE ENOMEM", "mount_setattr": "EPERM ENOMEM",
    "pivot_root": "EPERM", "umount2": "EBUSY", "mknodat": "ENOSPC EPERM",
    "symlinkat": "ENOSPC", "fchownat": "EPERM", "fchown": "EPERM",
    "execveat": "ENOMEM EACCES", "ioctl": "EPERM ENOMEM", "bind": "ENOSPC",
    "listen": "EADDRINUSE", "connect": "EAGAIN", "accept4": "EMFILE",
    "renameat": "ENOSPC", "renameat2": "ENOSPC", "fsync": "EIO ENOSPC",
    "ftruncate": "ENOSPC", "memfd_create": "EMFILE ENOMEM",
    "pidfd_open": "EMFILE", "pidfd_send_signal": "EPERM", "waitid": "EINTR",
    "sethostname": "EPERM", "socket": "EMFILE ENOBUFS",
    "socketpair": "EMFILE", "pipe2": "ENFILE", "flock": "ENOLCK EINTR",
    "sendfile": "ENOSPC", "newfstatat": "ENOMEM", "fstatfs": "EIO",
    "statx": "EIO", "fcntl": "EMFILE", "dup2": "EBUSY", "poll": "EINTR",
    "ppoll": "EINTR", "epoll_wait": "EINTR", "epoll_ctl": "ENOMEM",
    "getsockopt": "ENOBUFS", "setsockopt": "ENOBUFS", "getsockname": "ENOBUFS",
    "getpeername": "ENOBUFS", "mmap": "ENOMEM", "mprotect": "ENOMEM",
    "prctl": "EPERM", "prlimit64": "EPERM", "capset": "EPERM",
    "capget": "EPERM", "setresuid": "EAGAIN", "setresgid": "EPERM",
    "setgroups": "EPERM", "getresuid": "EFAULT", "seccomp": "ENOMEM",
    "close_range": "EMFILE", "setsid": "EPERM", "signalfd4": "EMFILE",
    "chdir": "EACCES", "fchdir": "EACCES", "lseek": "EIO",
    "getdents64": "EIO", "timerfd_create": "EMFILE",
    "timerfd_settime": "EINVAL", "rt_sigaction": "EINVAL",
    "readlink": "EIO", "getrandom": "EAGAIN",
}

# Without one of these a VM would run with more rights than it may have.
CONFINES = set("""capset setresuid setresgid setgroups seccomp prlimit64 setns
unshare mount_setattr pivot_root umount2""".split())

Point = collections.namedtuple(
    "Point", "role request who call k action argument")


def spell(p):
    what = p.action if p.argument == "" else f"{p.action} {p.argument}"
    return f"{p.role}: {p.request} {p.who} {p.call} {p.k} {what}"


class Judge:
    """Tries points one by one and keeps the account."""

    def __init__(self, lab):
        self.lab = lab
        self.rows = collections.defaultdict(collections.Counter)
        self.bad = 0

    # ---- a VM's life, and what is said in it

    def life(self):
        lab = self.lab
        for rc, _, err in (lab.start(), lab.cli("stop", "half", "--grace",
                                                "0"), lab.cli("rm", "half")):
            if rc != 0:
                raise RuntimeError(f"without a fault: {err}")

    def begin(self):
        lab = self.lab
        rc, _, err = lab.start("stay", STAY_PORT)
        if rc != 0 or not lab.page(STAY_PORT):
            raise RuntimeError(f"no bystander: {err}")
        self.life()
        lab.stay = lab.vm_processes()
        time.sleep(0.2)
        lab.quiet = lab.everything()

    def named(self, what, rc, err, p, lost):
        """An error names its step and errno; a lost daemon says so."""
        if rc == NO_DAEMON:
            # of a connection that was not taken there is no answer
            return [] if p.request == "client-conn" or lost() else \
                [f"{what}: not reached, but it lives: {err.strip()}"]
        # a file that cannot be looked at is refused by its name
        if p.action == "fail" and \
                os.strerror(errno.__dict__[p.argument]) in err:
            return [] if "at step none" not in err else [f"{what}: {err}"]
        step = re.search(r"at step ([a-z-]+): (E[A-Z0-9]+)", err)
        if rc == 0 or (step and step[1] != "none"):
            return []
        # the step boot, in words
        if p.who in ("V", "vmsup") and "it did not boot: " in err:
            return []
        return [f"{what}: exit {rc}, without step and errno: {err.strip()}"]

    def after_start(self, rc, err, p, lost):
        lab, words = self.lab, []
        if rc == 0:
            if not lab.page(PORT):
                words.append("start: said to run, does not answer")
            if p.action == "fail" and p.who in ("S", "V", "helper") and \
                    p.call in CONFINES and p.request == "spawn":
                words.append("start: runs without a call that confines it")
            return words
        words += self.named("start", rc, err, p, lost)
        return words

    def settled(self, what, rc):
        """After an error, or the daemon's return: is what status says so?"""
        lab = self.lab
        state = lab.status()
        runs = lab.vm_processes() != lab.stay
        if state == "Running":
            # an accepted stop goes on after the daemon's return
            if not lab.page(PORT) and lab.status() == "Running":
                return [f"{what}: status says Running, no answer"]
            if what == "start" and rc not in (0, NO_DAEMON):
                return [f"{what}: refused, and Running"]
        elif runs and (state == "absent" or "Stopped" in state):
            end = time.monotonic() + 5
            while lab.vm_processes() != lab.stay:
                if time.monotonic() > end:
                    return [f"{what}: status says {state}, processes live"]
                time.sleep(0.02)
        elif state.startswith("exit"):
            return [f"{what}: status: {state}"]
        return []

    def stop(self, p, lost):
        lab = self.lab
        rc, _, err = lab.cli("stop", "half", "--grace", "0")
        if rc == 0 and lab.vm_processes() != lab.stay:
            return rc, ["stop: said to be stopped, processes live"]
        return rc, self.named("stop", rc, err, p, lost)

    # ---- one point

    def victim(self, p, roles):
        """The words for inject: who is killed if not who makes the call."""
        if p.action == "fail":
            return [errno.__dict__[p.argument]]
        return [roles[p.argument]] if p.argument else []

    def run(self, p):
        """True if the point was reached; what was wrong is printed."""
        lab = self.lab
        roles, fds = lab.roles(), lab.descriptors()
        tracer = lab.tracer(roles[p.role], p.role, p.request, p.who, p.call,
                            p.k, p.action, *self.victim(p, roles))
        # all roles share one fate
        def lost():
            return any(not os.path.exists(f"/proc/{pid}") or
                       lab.roles().get(r) != pid
                       for r, pid in roles.items())
        rc, _, err = lab.start()
        lies = self.after_start(rc, err, p, lost)
        if rc != 0:
            lies += self.back(roles, lost)
            lies += self.settled("start", rc)
        if lab.status() == "Running":
            rc, words = self.stop(p, lost)
            lies += words + self.back(roles, lost)
            lies += self.settled("stop", rc)
        rc2, _, err = lab.cli("rm", "-f", "half")
        if rc2 not in (0, NOT_FOUND):
            lies += self.named("rm", rc2, err, p, lost)
        hit = lab.tracer_end(tracer)
        lies += self.back(roles, lost)
        lies += self.again(rc2, hit and (rc, rc2) != (0, 0))
        leaks = lab.left(fds)
        if not lab.page(STAY_PORT):
            lies.append("the bystander does not answer")
        self.account(p, hit, lies, leaks)
        return hit

    def back(self, roles, lost):
        """Once a role is gone all are there anew."""
        if lost() and not self.lab.wait_back(roles):
            return ["the daemon does not come back"]
        return []

    def again(self, rc, trouble):
        """Away with it, and the name is there to be used."""
        lab, words = self.lab, []
        if rc not in (0, NOT_FOUND):
            rc, _, err = lab.cli("rm", "-f", "half")
            if rc not in (0, NOT_FOUND):
                words.append(f"rm: {err.strip()}")
        if trouble:
            rc, _, err = lab.start()
            if rc != 0 or not lab.page(PORT):
                words.append(f"the name cannot be used again: {err.strip()}")
            rc, _, err = lab.cli("rm", "-f", "half")
            if rc != 0:
                words.append(f"rm again: {err.strip()}")
        return words

    def account(self, p, hit, lies, leaks):
        who = p.role if p.who == p.role else f"{p.role}/{p.who}"
        row = self.rows[p.request, who]
        row["faults" if p.action == "fail" else "kills"] += hit
        row["missed"] += not hit
        row["leaks"] += bool(leaks)
        row["lies"] += bool(lies)
        for text in lies + leaks:
            print(f"{spell(p)}: {text}", flush=True)
        if lies or leaks:
            self.bad += 1
            self.lab.log_tail()
        if leaks:
            self.repair()

    def repair(self):
        """The next point begins with what a new daemon leaves there."""
        lab, roles = self.lab, self.lab.roles()
        os.kill(roles["front"], signal.SIGKILL)
        if not lab.wait_back(roles):
            raise RuntimeError("the daemon does not come back")
        for words in lab.left({}):
            print(f"    also after a restart {words}", flush=True)
        lab.quiet = lab.everything()

    def table(self):
        head = ("request", "process", "kills", "faults", "leaks", "lies",
                "missed")
        print("{:16} {:12} {:>6} {:>6} {:>6} {:>6} {:>6}".format(*head))
        total = collections.Counter()
        for (request, who), row in self.rows.items():
            total.update(row)
            print("{:16} {:12} {:6} {:6} {:6} {:6} {:6}".format(
                request, who, *[row[h] for h in head[2:]]))
        print("{:16} {:12} {:6} {:6} {:6} {:6} {:6}".format(
            "all", "", *[total[h] for h in head[2:]]))


def points(judge, kind):
    """All of them, in the order of a VM's life, role by role."""
    found = []
    for role in FOLLOWED:
        for request, who, call, k in judge.lab.census(role, judge.life):
            if request == "-":
                continue
            at = (role, request, who, call, k)
            if kind == "faults":
                found += [Point(*at, "fail", e)
                          for e in ERRORS.get(call, "").split()]
            elif call in EFFECTS:
                # who makes the call, and each role while it is made
                found += [Point(*at, moment, victim)
                          for victim in ("", *FOLLOWED) if victim != who
                          for moment in ("before", "after")]
    return found


def main():
    directory, inst, inject, kind = sys.argv[1:5]
    every = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    offset = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    judge = Judge(Lab(directory, inst, inject))
    judge.begin()
    if kind.startswith("lie="):
        some = [Point(*kind[4:].split(","), "lie", "")]
    else:
        found = points(judge, kind)
        some = found[offset % every::every]
        print(f"{len(found)} points; every {every}. from {offset % every} on: "
              f"{len(some)}", flush=True)
    begin = time.monotonic()
    for p in some:
        # what depends on the moment may come at the second time
        judge.run(p) or judge.run(p)
    judge.table()
    print(f"{time.monotonic() - begin:.0f} s")
    return 1 if judge.bad else 0


if __name__ == "__main__":
    sys.exit(main())
