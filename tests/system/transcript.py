# SPDX-License-Identifier: ISC
"""transcript.py TRANSCRIPT PRELUDE [NAME=TEXT...]: do what the transcript says, in order, and
compare what comes. Says what differs and exits 1.

# text       a comment
$ command    run by sh after PRELUDE; lines that follow are what it prints:
! text       a line of standard error (standard output comes first)
[6]          its exit status, if that is not 0
...          any number of lines
% some words something happens to the host: the function some_words of PRELUDE

<name> stands for what NAMES says, or NAME=TEXT; blanks are one blank."""

import re
import subprocess
import sys

NAMES = {
    "address": r"10\.200\.[0-9]+\.[0-9]+",
    "id": r"vm-[0-9a-f]{16}",
    "n": r"[0-9]+",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z",
    "path": r"/\S+",
    "text": r"\S.*",
}


def pattern(line):
    """A line of the transcript as a regular expression."""
    out = ""
    for part in re.split(r"(<[a-z]+>)", " ".join(line.split())):
        name = part[1:-1]
        if part.startswith("<") and name in NAMES:
            out += NAMES[name]
        else:
            out += re.escape(part)
    return re.compile(out)


def matches(want, got):
    if not want:
        return not got
    if want[0] == "...":
        return any(matches(want[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and matches(want[1:], got[1:]) and \
        pattern(want[0]).fullmatch(" ".join(got[0].split())) is not None


def steps(path):
    """(line number, text of it, lines that are expected)"""
    step = None
    with open(path) as f:
        for n, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line[:2] in ("$ ", "% ") or line == "" or line[0] == "#":
                if step:
                    yield step
                step = (n, line, []) if line[:2] in ("$ ", "% ") else None
            elif step is None:
                sys.exit("%s:%d: output of no command" % (path, n))
            elif step[1].endswith("\\"):
                step = (n, step[1][:-1] + line.strip(), [])
            else:
                step[2].append(line)
    if step:
        yield step


def run(prelude, text):
    if text[0] == "%":
        text = "  " + text[2:].replace(" ", "_")
    p = subprocess.run(["sh", "-c", '. "$1"; eval "$2"', "sh", prelude,
                        text[2:]], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    got = p.stdout.decode(errors="backslashreplace").splitlines()
    got += ["! " + s for s in
            p.stderr.decode(errors="backslashreplace").splitlines()]
    return got + (["[%d]" % p.returncode] if p.returncode else [])


def main(path, prelude):
    for n, text, want in steps(path):
        got = run(prelude, text)
        if not matches(want, got):
            sys.exit("%s:%d: %s\n--- wanted\n%s\n--- came\n%s"
                     % (path, n, text, "\n".join(want), "\n".join(got)))


if __name__ == "__main__":
    for word in sys.argv[3:]:
        NAMES[word.partition("=")[0]] = re.escape(word.partition("=")[2])
    main(*sys.argv[1:3])
