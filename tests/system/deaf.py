# SPDX-License-Identifier: ISC
"""Stands between the postern command and the daemon, and loses or doubles
the audit record of refusals.

usage: deaf.py SOCKET DAEMONS_SOCKET HOW_OFTEN"""
import array
import json
import os
import socket
import sys
import threading

ours, theirs, times = sys.argv[1], sys.argv[2], int(sys.argv[3])


def message(s):
    """One message with its descriptors, or None."""
    data, fds = b"", []
    while not data.endswith(b"\0"):
        more, anc, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(64))
        if not more:
            return None, fds
        for _, _, raw in anc:
            fds += array.array("i", raw)
        data += more
    return json.loads(data[:-1]), fds


def changed(reply):
    events = reply.get("parameters", {}).get("events")
    if events is not None:
        reply["parameters"]["events"] = [
            e for e in events
            for _ in range(times if e["event"] == "refused" else 1)]
    return reply


def serve(client):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    daemon.connect(theirs)
    while True:
        call, fds = message(client)
        if call is None:
            break
        socket.send_fds(daemon, [json.dumps(call).encode() + b"\0"], fds)
        for fd in fds:
            os.close(fd)
        reply, _ = message(daemon)
        if reply is None:
            break
        client.sendall(json.dumps(changed(reply)).encode() + b"\0")
    client.close()
    daemon.close()


listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(ours)
listener.listen()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],),
                     daemon=True).start()
