# SPDX-License-Identifier: ISC
"""What a program other than the postern command may do to the control socket.

usage: raw.py SOCKET TRICK [ARGUMENT...]

Exits 0 when the daemon's side held, 1 with a line on standard error."""
import json
import os
import socket
import sys
import tempfile
import time

PATH = sys.argv[1]
VM = "io.postern.Vm."


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(30)
    s.connect(PATH)
    return s


def receive(s):
    """One message, or None at the end of the connection."""
    data = b""
    while not data.endswith(b"\0"):
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return None
        if not more:
            return None
        data += more
    return json.loads(data[:-1])


def send_all(s, data):
    """False when the other side hung up in the middle."""
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def must(ok, text):
    if not ok:
        sys.exit(text)


def ended(s, text):
    """The other side closes; what it still says is a typed error."""
    while True:
        m = receive(s)
        if m is None:
            return
        must(m.get("error", "").startswith("io.postern.Vm."),
             f"{text}: answered {m!r}")


def start(config, fds):
    s = connect()
    call = {"method": VM + "Start", "parameters": {"config": config}}
    socket.send_fds(s, [json.dumps(call).encode() + b"\0"], fds)
    return receive(s)


def image(trick, disk, guest):
    """A descriptor that is no image, as rootfs; one answer names it."""
    kernel = os.open(guest, os.O_RDONLY)
    config = {"name": "x", "kernel_fd": 0, "rootfs_fd": 1, "memory_mib": 32}
    fds = [kernel]
    if trick == "opath":
        fds += [os.open(disk, os.O_PATH)]
    elif trick == "deleted":
        name = tempfile.mktemp(dir="/tmp")
        fds += [os.open(name, os.O_RDWR | os.O_CREAT, 0o600)]
        os.truncate(fds[1], 1 << 20)
        fds[1] = os.open(name, os.O_RDONLY)
        os.unlink(name)
    elif trick == "writeonly":
        fds += [os.open(disk, os.O_WRONLY)]
    elif trick == "directory":
        fds += [os.open("/", os.O_RDONLY)]
    elif trick == "foreign":
        fds += [os.open(guest, os.O_RDONLY), os.open(disk, os.O_RDWR)]
        config["rootfs_rw_fd"] = 2
    elif trick == "socket":
        fds += [socket.socketpair()[0].detach()]
    elif trick == "memfd":
        fds += [os.memfd_create("image")]
        os.truncate(fds[1], 1 << 20)
    elif trick == "other":
        fds += [os.open(disk, os.O_RDONLY)]
        config["rootfs_fd"] = 7
    m = start(config, fds)
    must(m is not None and m.get("error") == VM + "InvalidArgument" and
         m["parameters"]["field"].startswith("rootfs"), f"{trick}: {m!r}")


def malformed():
    for text in (b"", b"{", b"}", b"[]", b"null", b"1", b'"x"', b"\xff\xfe",
                 b'{"method":1}', b'{"method":"a","method":"b"}',
                 b'{"parameters":{}}', b'{"method":"io.postern.Vm.List"}x',
                 b'{"method":"io.postern.Vm.List","parameters":[]}',
                 b'{"method":"io.postern.Vm.List","parameters":{"al":true}}',
                 b'{"method":"io.postern.Vm.Stop","parameters":{"name":7}}',
                 b'{"method":"io.postern.Vm.Stop","parameters":'
                 b'{"name":"a\\u0000b"}}',
                 b'{"method":"io.postern.Vm.List","more":1}',
                 b"[" * 1000 + b"]" * 1000):
        s = connect()
        must(send_all(s, text + b"\0"), f"{text[:40]!r}: hung up at once")
        m = receive(s)
        must(m is None or "error" in m, f"{text[:40]!r}: answered {m!r}")
    s = connect()
    send_all(s, b'{"method":"no.such.Thing"}\0')
    m = receive(s)
    must(m["error"] == "org.varlink.service.InterfaceNotFound", repr(m))


def deep():
    """10 MB of [: the connection ends long before they are through."""
    s = connect()
    sent = 0
    while sent < 10 << 20 and send_all(s, b"[" * 65536):
        sent += 65536
    must(sent < 5 << 20, f"took {sent} bytes")
    ended(s, "deep")


def half():
    """Half a message, then silence: told so, and closed."""
    s = connect()
    send_all(s, b'{"method":"io.postern.Vm.Li')
    t = time.monotonic()
    ended(s, "half")
    must(time.monotonic() - t < 20, "half a message was waited for too long")


def deaf(name):
    """logs -f of a guest that floods, never read: the connection ends."""
    s = connect()
    call = {"method": VM + "Logs", "more": True,
            "parameters": {"name": name, "follow": True}}
    send_all(s, json.dumps(call).encode() + b"\0")
    t = time.monotonic()
    print("asked", flush=True)
    while time.monotonic() - t < 40:
        time.sleep(0.2)
        # the peer has closed when its end of the socket is gone
        if not send_all(s, b" "):
            return
    sys.exit("a reader that never reads was kept for 40 s")


def connections(more, limit):
    """As many more as the owner may have; the next is told so."""
    held = [connect() for _ in range(int(more))]
    for s in held:
        send_all(s, b'{"method":"io.postern.Vm.List"}\0')
    for s in held:
        must("parameters" in receive(s), "a connection below the ceiling")
    m = receive(connect())
    reason = m["parameters"].pop("reason")
    must(m == {"error": VM + "QuotaExceeded", "parameters": {
        "resource": "connections", "limit": int(limit),
        "used": int(limit)}}, repr(m))
    must("close one" in reason and limit + " in use" in reason, reason)
    print("full", flush=True)
    sys.stdin.readline()


def vanish(guest, delay):
    """A client that dies in the middle of a start."""
    s = connect()
    config = {"name": "x", "kernel_fd": 0, "memory_mib": 32}
    call = {"method": VM + "Start", "parameters": {"config": config}}
    socket.send_fds(s, [json.dumps(call).encode() + b"\0"],
                    [os.open(guest, os.O_RDONLY)])
    time.sleep(float(delay))
    os.kill(os.getpid(), 9)


TRICKS = {f.__name__: f for f in (malformed, deep, half, deaf, connections,
                                  vanish)}
if sys.argv[2] in TRICKS:
    TRICKS[sys.argv[2]](*sys.argv[3:])
else:
    image(*sys.argv[2:])
