# SPDX-License-Identifier: ISC
"""manual.py MANUAL TRANSCRIPT [NAME=TEXT...]: each "$ command" of the manual's
EXAMPLES is in the transcript, and what the manual shows of its output is what
the transcript says (without exit statuses; ... in either is any lines)."""

import sys

sys.dont_write_bytecode = True
import transcript


def examples(path):
    """(command, lines shown) of the displays of EXAMPLES"""
    with open(path) as f:
        text = f.read().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    out, inside = [], False
    for line in text.replace("\\e\n", "\\\n").split("\n"):
        line = line.replace("\\&", "").replace("\\-", "-")
        if line.startswith(".Bd") or line.startswith(".Ed"):
            inside = line.startswith(".Bd")
        elif inside and line.startswith("$ "):
            out.append([line, []])
        elif inside and out and out[-1][0].endswith("\\"):
            out[-1][0] = out[-1][0][:-1] + line.strip()
        elif inside:
            out[-1][1].append(line)
    return out


def shown(want, lines):
    want = [w[2:] if w.startswith("! ") else w for w in want
            if not w.startswith("[")]
    if "..." in lines:
        at = lines.index("...")
        rest = lines[at + 1:]
        lines = lines[:at]
        return shown(want[:at], lines) and \
            shown(want[len(want) - len(rest):], rest)
    return transcript.matches(want, lines)


def main(manual, path):
    found = examples(manual)
    if len(found) < 10:
        sys.exit("%s: %d examples" % (manual, len(found)))
    steps = list(transcript.steps(path))
    for command, lines in found:
        wants = [want for _, text, want in steps if text == command]
        if not wants:
            sys.exit("not in %s: %s" % (path, command))
        if lines and not any(shown(w, lines) for w in wants):
            sys.exit("%s shows\n%s\nand %s\n%s" % (
                manual, "\n".join(lines), path,
                "\nor\n".join("\n".join(w) for w in wants)))


if __name__ == "__main__":
    for word in sys.argv[3:]:
        transcript.NAMES[word.partition("=")[0]] = word.partition("=")[2]
    main(*sys.argv[1:3])
