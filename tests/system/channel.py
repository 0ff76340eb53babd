# SPDX-License-Identifier: ISC
"""channel.py PATH PORT TEXT WANT: connect to a guest channel's socket as any
program would; the answer must be WANT (or begin with it, before the end)."""

import socket
import sys

path, port, text, want = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.settimeout(20)
s.connect(path)
try:
    s.sendall(("CONNECT %s\n%s\n" % (port, text)).encode())
except BrokenPipeError:
    pass
got = b""
while len(got) < len(want):
    piece = s.recv(4096)
    if not piece:
        break
    got += piece
if got.decode() != want:
    sys.exit("%r came" % got)
