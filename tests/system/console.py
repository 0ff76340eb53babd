# SPDX-License-Identifier: ISC
"""console.py MODE COMMAND...: COMMAND (postern console or run) on a terminal
of its own, played by this program. Says what went wrong and exits 1."""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 20


class Terminal:
    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.modes = termios.tcgetattr(slave)
        self.slave = os.ttyname(slave)
        self.said = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.master)
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)
            os.closerange(3, 64)
            os.environ["LC_ALL"] = "C.UTF-8"
            os.execvp(command[0], command)
        # kept open, so that the line lives on after the command
        self.line = slave

    def fail(self, why):
        sys.exit("%s; the terminal shows %r" % (why, self.said[-2000:]))

    def read(self, wait):
        if not select.select([self.master], [], [], wait)[0]:
            return False
        try:
            self.said += os.read(self.master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            return False
        return True

    def until(self, text):
        end = time.time() + PATIENCE
        while text not in self.said:
            if time.time() > end:
                self.fail("no %r came" % text)
            self.read(0.1)
        self.said = self.said[self.said.index(text) + len(text):]

    def type(self, text):
        os.write(self.master, text)

    def ended(self, read=True):
        end = time.time() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                return status
            if time.time() > end:
                os.kill(self.pid, signal.SIGKILL)
                self.fail("it does not end")
            if read:
                self.read(0.05)
            else:
                time.sleep(0.05)

    def status(self, want, read=True):
        status = self.ended(read)
        if status != want:
            self.fail("status %#x, not %#x" % (status, want))

    def is_raw(self):
        return not termios.tcgetattr(self.line)[3] & termios.ICANON

    def until_raw(self, raw):
        end = time.time() + PATIENCE
        while self.is_raw() != raw:
            if time.time() > end:
                self.fail("raw is %s" % (not raw))
            time.sleep(0.02)

    def restored(self):
        if termios.tcgetattr(self.line) != self.modes:
            self.fail("the terminal's modes are not as before")
        # nothing that nobody typed waits for the shell
        modes = termios.tcgetattr(self.line)
        modes[3] &= ~termios.ICANON
        termios.tcsetattr(self.line, termios.TCSANOW, modes)
        n = struct.unpack("i", fcntl.ioctl(self.line, termios.FIONREAD,
                                           b"\0" * 4))[0]
        if n != 0:
            self.fail("%d bytes of input are left: %r"
                      % (n, os.read(self.line, n)))


def attach(t):
    t.until(b"^] leaves")
    t.until_raw(True)


def talk(t):
    attach(t)
    t.type(b"hello\r")
    t.until(b"serial: hello\r\n")
    t.type(b"\003\032hi\r")  # ^C and ^Z are the guest's
    t.until(b"serial: ^C^Zhi\r\n")
    t.type(b"do esc\r")
    t.until(b"^[]0;evil^G^[[c^[[31mred^[[?1049hM-BM-^[1;2HM-^[1m")
    if b"\033" in t.said:
        t.fail("a sequence came through")
    t.type(b"bye\r\x1dtyped later")
    t.until(b"left")
    t.status(0)
    t.restored()
    if b"\033" in t.said:
        t.fail("a sequence came through")


def raw(t):
    attach(t)
    t.type(b"do esc\r")
    t.until(b"\033]0;evil\007\033[c\033[31mred\033[?1049h")
    t.type(b"\x1d")
    t.until(b"\033[?1049l")
    t.until(b"\033[5n")
    # a slow terminal: the guest's answer comes only now, ours after it
    t.type(b"\033[?62;c\r")
    time.sleep(0.1)
    t.type(b"evil\r\033[0n")
    t.status(0)
    t.restored()


def term(t):
    attach(t)
    os.kill(t.pid, signal.SIGTERM)
    t.status(signal.SIGTERM)
    t.restored()


def interrupt(t):
    attach(t)
    os.kill(t.pid, signal.SIGHUP)
    t.status(signal.SIGHUP)
    t.restored()


def stop(t):
    attach(t)
    os.kill(t.pid, signal.SIGTSTP)
    _, status = os.waitpid(t.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        t.fail("it did not stop")
    if t.is_raw():
        t.fail("stopped, and the terminal still is raw")
    os.kill(t.pid, signal.SIGCONT)
    t.until_raw(True)
    t.type(b"again\r")
    t.until(b"serial: again\r\n")
    t.type(b"\x1d")
    t.status(0)
    t.restored()


def lost(t):
    attach(t)
    os.close(t.line)
    os.close(t.master)
    status = t.ended(False)
    if status not in (0x100, signal.SIGHUP):
        sys.exit("status %#x" % status)


def held(t):
    """A terminal that takes nothing while the guest writes for ever."""
    attach(t)
    t.type(b"do flood\r")
    time.sleep(2)
    t.type(b"\x1d")
    t.status(0, read=False)
    t.restored()


def ends(t):
    attach(t)
    print("attached", flush=True)
    t.until(b"the VM has ended")
    t.status(0)
    t.restored()


def run_talk(t):
    """Keys go to the guest; its end is the status."""
    attach(t)
    t.type(b"hello\r")
    t.until(b"serial: hello\r\n")
    t.type(b"\003\032hi\r")
    t.until(b"serial: ^C^Zhi\r\n")
    t.type(b"do esc\r")
    t.until(b"^[]0;evil^G^[[c^[[31mred")
    if b"\033" in t.said:
        t.fail("a sequence came through")
    t.type(b"do poweroff\r")
    t.status(0)
    t.restored()


def run_panic(t):
    attach(t)
    t.type(b"do panic\r")
    t.until(b"the guest failed: panic")
    t.status(0x100)
    t.restored()


def run_leave(t):
    attach(t)
    t.type(b"bye\r\x1dtyped later")
    t.until(b"left; the VM runs on")
    t.status(0)
    t.restored()


def run_term(t):
    """The guest is asked, and its end waited for."""
    attach(t)
    os.kill(t.pid, signal.SIGTERM)
    t.until(b"power button")
    t.status(0)
    t.restored()


def run_lost(t):
    attach(t)
    os.close(t.line)
    os.close(t.master)
    t.status(0, read=False)


def run_hung_up(t):
    """Both the signal and the end of the terminal: the guest is asked once,
    not killed."""
    attach(t)
    os.kill(t.pid, signal.SIGHUP)
    os.close(t.line)
    os.close(t.master)
    t.status(0, read=False)


def run_held(t):
    attach(t)
    t.type(b"do flood\r")
    time.sleep(1)
    t.type(b"\x1d")
    t.status(0, read=False)
    t.restored()


def run_daemon(t):
    """The daemon dies; the caller of this program kills it."""
    attach(t)
    print("attached", flush=True)
    t.until(b"the daemon broke off; the VM runs on")
    t.status(125 << 8)
    t.restored()


def run_background(t):
    """Started by a shell behind it, it leaves the terminal alone."""
    t.until(b"POSTERN-TEST")
    if t.is_raw():
        t.fail("taken from the foreground")
    t.type(b"do poweroff\r")
    time.sleep(0.5)
    t.until(b"later")
    t.status(0)
    if termios.tcgetattr(t.line) != t.modes:
        t.fail("the terminal's modes are not as before")


MODES = {f.__name__: f for f in (
    talk, raw, term, interrupt, stop, lost, held, ends, run_talk, run_panic,
    run_leave, run_term, run_lost, run_hung_up, run_held, run_daemon,
    run_background)}
MODES[sys.argv[1]](Terminal(sys.argv[2:]))
