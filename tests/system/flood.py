# SPDX-License-Identifier: ISC
"""What one tenant may do to the others, and how they fare meanwhile.

usage: flood.py SOCKET hold N SECONDS       N connections, all kept
       flood.py SOCKET follow NAME N SECONDS  N stalled `logs -f` of a VM
       flood.py SOCKET events N SECONDS     N stalled `events -f`
       flood.py SOCKET connect|list|garbage SECONDS   as fast as it goes
       flood.py SOCKET starts GUEST PREFIX SECONDS    half of them fail
       flood.py SOCKET measure GUEST N      start and stop, N times
       flood.py SOCKET lists N              list, N times

Prints one JSON object: how many calls went well, how many were refused and
why; for measure and lists, the median in milliseconds."""
import json
import os
import socket
import statistics
import sys
import tempfile
import time

PATH = sys.argv[1]
VM = "io.postern.Vm."
GARBAGE = (b'{"method":', b'{"method":"io.postern.Vm.List"}', b"\xff" * 4000,
           b'{"method":"io.postern.Vm.Nothing"}',
           b'{"method":"io.postern.Vm.Info","parameters":{"name":7}}',
           b"[" * 60000)
counts = {"good": 0, "refused": 0, "ended": 0}


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(60)
    s.connect(PATH)
    return s


def receive(s):
    data = b""
    while not data.endswith(b"\0"):
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return None
        if not more:
            return None
        data += more
    return json.loads(data.split(b"\0")[0])


def count(m):
    """An answer, by what it says; True when it is a good one."""
    if m is None:
        counts["ended"] += 1
    elif "error" not in m:
        counts["good"] += 1
        return True
    else:
        counts["refused"] += 1
        p = m.get("parameters", {})
        name = m["error"].split(".")[-1]
        if name == "QuotaExceeded":
            name = p["resource"]
            assert p["reason"].find(str(p["limit"])) > 0, m
        counts[name] = counts.get(name, 0) + 1
    return False


def call(s, method, parameters=None, fd=None, **more):
    m = {"method": VM + method, "parameters": parameters or {}}
    m.update(more)
    try:
        socket.send_fds(s, [json.dumps(m).encode() + b"\0"],
                        [] if fd is None else [fd])
    except (BrokenPipeError, ConnectionResetError):
        pass  # why is said in what can still be read
    return receive(s)


def rest(seconds):
    print(json.dumps(counts), flush=True)
    time.sleep(float(seconds))


def hold(n, seconds):
    held = []
    for _ in range(int(n)):
        s = connect()
        if count(call(s, "List")):
            held.append(s)
    rest(seconds)


def follow(name, n, seconds):
    held = []
    for _ in range(int(n)):
        s = connect()
        if count(call(s, "Logs", {"name": name, "follow": True}, more=True)):
            held.append(s)  # and is never read again
    rest(seconds)


def events(n, seconds):
    held = []
    for _ in range(int(n)):
        s = connect()
        if count(call(s, "Events", {"follow": True}, more=True)):
            held.append(s)
    rest(seconds)


def until(seconds):
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        yield
    print(json.dumps(counts))


def flood_connect(seconds):
    for _ in until(seconds):
        s = connect()
        count(call(s, "List"))
        s.close()


def flood_list(seconds):
    s = connect()
    for _ in until(seconds):
        m = call(s, "List", {"all": True})
        count(m)
        if m is None or "error" in m:
            s = connect()


def flood_garbage(seconds):
    n = 0
    s = connect()
    for _ in until(seconds):
        n += 1
        try:
            s.sendall(GARBAGE[n % len(GARBAGE)] + b"\0")
            m = receive(s)
        except (BrokenPipeError, ConnectionResetError):
            m = None
        count(m)
        if m is None:
            s = connect()


def start(s, fd, name):
    return call(s, "Start", {"config": {"name": name, "kernel_fd": 0,
                                        "memory_mib": 32}}, fd)


def flood_starts(guest, prefix, seconds):
    good = os.open(guest, os.O_RDONLY)
    with tempfile.NamedTemporaryFile(dir=os.getcwd()) as f:
        f.write(b"no kernel" * 1000)
        f.flush()
        bad = os.open(f.name, os.O_RDONLY)
        n = 0
        s = connect()
        for _ in until(seconds):
            n += 1
            name = f"{prefix}{n}"
            m = start(s, (good, bad)[n % 2], name)
            count(m)
            if m is None or m.get("parameters", {}).get(
                    "resource") in ("connections", "connect_rate"):
                s = connect()
                continue
            call(s, "Remove", {"name": name, "force": True})


def measure(guest, n):
    fd = os.open(guest, os.O_RDONLY)
    times = []
    for i in range(int(n)):
        begin = time.monotonic()
        s = connect()
        m = start(s, fd, f"m{i}")
        times.append(time.monotonic() - begin)
        if not count(m):
            sys.exit(f"start: {m!r}")
        m = call(s, "Remove", {"name": f"m{i}", "force": True})
        if m is None or "error" in m:
            sys.exit(f"remove: {m!r}")
        s.close()
    print(json.dumps({"ms": statistics.median(times) * 1000}))


def lists(n):
    times = []
    for _ in range(int(n)):
        begin = time.monotonic()
        s = connect()
        m = call(s, "List", {"all": True})
        times.append(time.monotonic() - begin)
        if m is None or "error" in m:
            sys.exit(f"list: {m!r}")
        s.close()
        time.sleep(0.05)
    print(json.dumps({"ms": statistics.median(times) * 1000}))


TRICKS = {"hold": hold, "follow": follow, "events": events,
          "connect": flood_connect, "list": flood_list,
          "garbage": flood_garbage, "starts": flood_starts,
          "measure": measure, "lists": lists}
TRICKS[sys.argv[2]](*sys.argv[3:])
