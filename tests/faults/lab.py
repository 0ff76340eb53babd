# SPDX-License-Identifier: ISC
"""A live instance of tests/lib/instance.sh, seen by the points' checker.

Runs as root inside the instance's network namespace. Believes the kernel
alone about what is there: links, rules, cgroups, processes, descriptors,
files, and the ledger's bytes. Invariant: what left() returns is nothing when
only the bystander runs."""
import collections
import glob
import os
import re
import select
import socket
import struct
import subprocess
import time

TENANT, GROUP = 61050, 61010
PORT, STAY_PORT = 8002, 8001
NO_DAEMON, NOT_FOUND = 7, 3
SETTLE = 8  # seconds that a loaded machine may take to finish an end
ROLES = {"privd-front": "front", "privd-net": "net", "privd-jail": "jail",
         "ctld": "ctld", "ctld-client": "client"}


def ids(pid):
    """Its effective uid, or None when it is gone, or only waits for its
    parent to take note, which may be the host's init."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii",
                  errors="replace") as f:
            text = f.read()
        if re.search(r"^State:\t[ZX]", text, re.M):
            return None
        return int(re.search(r"^Uid:\t\d+\t(\d+)", text, re.M)[1])
    except (OSError, TypeError):
        return None


def program(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


class Lab:
    def __init__(self, directory, inst, inject):
        self.dir, self.inst, self.inject = directory, inst, inject
        self.libexec = os.environ["POSTERN_LIBEXEC"]
        self.postern = os.environ["POSTERN_BIN"]
        self.log = os.path.join(directory, "log")
        with open(os.path.join(directory, "loop.pid"),
                  encoding="ascii") as f:
            self.loop = int(f.read())
        with open(os.path.join(directory, "id_base"), encoding="ascii") as f:
            self.base = int(f.read())
        self.stay = None
        self.quiet = None

    # ---- the command

    def cli(self, *args):
        """Exit status, standard output, standard error of `postern`."""
        try:
            r = subprocess.run(
                [self.postern, "--socket",
                 self.dir + "/run/io.postern.Vm", *args],
                user=TENANT, group=TENANT, extra_groups=[GROUP],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=90, check=False)
        except subprocess.TimeoutExpired:
            return 124, "", "no answer in 90 s"
        return r.returncode, r.stdout, r.stderr

    def start(self, name="half", port=PORT):
        return self.cli("start", name, "--kernel",
                        self.dir + "/img/guest.elf", "--memory", "32M", "-p",
                        f"{port}:80")

    def status(self):
        """One word of `postern status half`, or its exit status."""
        rc, out, err = self.cli("status", "half")
        return out.strip() if rc == 0 else (
            "absent" if rc == NOT_FOUND else f"exit {rc}: {err.strip()}")

    def log_tail(self):
        """The daemon's last words, for who looks into a failure."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            print("    log: " + "    log: ".join(f.readlines()[-8:]),
                  flush=True)

    # ---- processes

    def roles(self):
        """name: pid of each role that lives."""
        found = {}
        front = self.children(self.loop)
        for pid in front + [c for f in front for c in self.children(f)]:
            name = os.path.basename(program(pid))
            if name in ROLES:
                found.setdefault(ROLES[name], pid)
        return found

    @staticmethod
    def children(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children",
                      encoding="ascii") as f:
                return [int(p) for p in f.read().split()]
        except OSError:
            return []

    def ready(self):
        return len(self.roles()) == len(ROLES) and \
            self.cli("list")[0] == 0

    def wait_back(self, old=None):
        """The daemon is there, in other processes than the old ones."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            now = self.roles()
            if (old is None or now.get("front") != old["front"]) and \
                    self.ready():
                return True
            time.sleep(0.05)
        return False

    # ---- what is there

    def vm_processes(self):
        """Processes with an id of the instance's VMs."""
        found = set()
        for d in os.listdir("/proc"):
            uid = ids(d) if d.isdigit() else None
            if uid is not None and self.base <= uid < self.base + 2048:
                found.add((int(d), uid))
        return found

    def programs(self):
        """How many processes there are of each program of ours."""
        n = collections.Counter()
        for d in os.listdir("/proc"):
            exe = program(d) if d.isdigit() else ""
            if exe.startswith(self.libexec + "/"):
                n[os.path.basename(exe)] += 1
        return n

    def cgroups(self):
        found = set()
        for top in glob.glob(f"/sys/fs/cgroup/*/{self.inst}-vms") + \
                glob.glob(f"/sys/fs/cgroup/{self.inst}-vms"):
            found.update(d for d, _, _ in os.walk(top))
        return found

    def files(self):
        found = set()
        for top in ("state", "run/ctld", "run/channel"):
            for d, _, names in os.walk(os.path.join(self.dir, top)):
                found.update(os.path.join(d, n) for n in names)
        return found

    def rules(self):
        r = subprocess.run(["nft", "list", "ruleset"], capture_output=True,
                           text=True, check=True)
        return set(re.sub(r"packets \d+ bytes \d+|handle \d+", "", line)
                   .strip() for line in r.stdout.splitlines())

    def mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            return set(line for line in f if self.dir in line)

    def ledger(self):
        """Slots that are not free."""
        with open(self.dir + "/run/front/ledger", "rb") as f:
            data = f.read()
        taken = set()
        for slot in range(len(data) // 5120 - 1):
            best = (0, 0)
            for copy in (0, 512):
                at = (slot + 1) * 5120 + copy
                sequence, = struct.unpack_from("<Q", data, at + 16)
                state, = struct.unpack_from("<I", data, at + 24 + 24)
                best = max(best, (sequence, state))
            if best[1] > 1:
                taken.add((slot, best[1]))
        return taken

    def everything(self):
        return {
            "processes with a VM's id": self.vm_processes(),
            "processes": set(self.programs().items()),
            "links": set(n for _, n in socket.if_nameindex()),
            "cgroups": self.cgroups(), "rules": self.rules(),
            "files": self.files(), "ledger": self.ledger(),
            "mounts": self.mounts(),
        }

    def descriptors(self):
        """(role, pid): how many each role that lives has open."""
        found = {}
        for role, pid in self.roles().items():
            try:
                found[role, pid] = len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                pass
        return found

    def left(self, fds):
        """What is there and should not be, or is missing; after a while."""
        end = time.monotonic() + SETTLE
        while True:
            now, words = self.everything(), []
            for kind, was in self.quiet.items():
                words += [f"left: {kind}: {x}" for x in now[kind] - was]
                words += [f"gone: {kind}: {x}" for x in was - now[kind]]
            for key, n in self.descriptors().items():
                if n > fds.get(key, n):
                    words.append(f"left: {key[0]} has {n} descriptors, "
                                 f"not {fds[key]}")
            if not words or time.monotonic() > end:
                return words
            time.sleep(0.05)

    # ---- packets

    @staticmethod
    def page(port):
        """Does the guest behind a published port answer? In 10 s."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), 3) as s:
                    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if b"test guest" in s.recv(4096) + s.recv(4096):
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    # ---- the tracer

    def tracer(self, pid, role, *point):
        p = subprocess.Popen(
            [self.inject, str(pid), role, *[str(x) for x in point]],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if p.stdout.readline() != "ready\n":
            raise RuntimeError(f"inject {role}: {p.stderr.read()}")
        return p

    @staticmethod
    def tracer_end(p):
        """Did it come to its point?"""
        if not select.select([p.stdout], [], [], 0)[0]:
            p.terminate()
        out, err = p.communicate()
        if err:
            raise RuntimeError(f"inject: {err}")
        return "hit" in out

    def census(self, role, life):
        """Each call that a role and its children make in a VM's life, as
        (request, who, call, k), in their order."""
        p = subprocess.Popen(
            [self.inject, str(self.roles()[role]), role],
            stdout=open(self.dir + "/census", "w", encoding="ascii"),
            stderr=subprocess.DEVNULL)
        while os.path.getsize(self.dir + "/census") == 0:
            time.sleep(0.01)
        life()
        p.terminate()
        p.wait()
        with open(self.dir + "/census", encoding="ascii") as f:
            lines = [line.split() for line in f]
        return [(w[0], w[1], w[2], int(w[3])) for w in lines if len(w) == 5]
