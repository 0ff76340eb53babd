# SPDX-License-Identifier: ISC
"""A strict varlink client that knows the daemon's interface from its own
description only: parsed by the grammar of varlink's specification, each answer
is compared with what it declares.

usage: vlclient.py SOCKET run|fds KERNEL|module

run wants a running VM "web" and a stopped VM "off". Exits 0, or 1 with a line
for each thing that is not as declared."""
import json
import os
import re
import socket
import sys

SERVICE = "org.varlink.service."
IFACE = "io.postern.Vm"
bad = []

# ---- the grammar: an interface is {kind: {name: type}}; a type is a word, or
# ("?", t), ("[]", t), ("{}", t), ("enum", names), ("struct", {member: type})
TOKEN = re.compile(r"\s*(?:#[^\n]*\n\s*)*(->|\[string\]|\[\]|[?(),:]|"
                   r"[A-Za-z][A-Za-z0-9_.-]*|$)")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*$")


class Parser:
    def __init__(self, text):
        self.text, self.at, self.token = text, 0, None
        self.step()

    def step(self):
        m = TOKEN.match(self.text, self.at)
        if not m:
            raise ValueError(f"at {self.text[self.at:self.at + 30]!r}")
        got, self.token, self.at = self.token, m.group(1), m.end()
        return got

    def want(self, token):
        if self.step() != token:
            raise ValueError(f"{token!r} is missing before {self.token!r}")

    def members(self):
        self.want("(")
        fields, names = {}, []
        while self.token != ")":
            name = self.step()
            if not WORD.match(name) or name in fields or name in names:
                raise ValueError(f"member {name!r}")
            if self.token == ":":
                self.step()
                fields[name] = self.kind()
            else:
                names.append(name)
            if self.token != ")":
                self.want(",")
        self.want(")")
        if names and fields:
            raise ValueError("neither struct nor enum")
        return ("enum", names) if names else ("struct", fields)

    def kind(self):
        if self.token == "?":
            self.step()
            if self.token == "?":
                raise ValueError("??")
            return ("?", self.kind())
        if self.token in ("[]", "[string]"):
            return ("[]" if self.step() == "[]" else "{}", self.kind())
        return self.members() if self.token == "(" else self.step()

    def interface(self):
        out = {"type": {}, "method": {}, "error": {}}
        self.want("interface")
        out["name"] = self.step()
        while self.token:
            what, name = self.step(), self.step()
            if what not in ("type", "method", "error") or \
               not re.match("[A-Z][A-Za-z0-9]*$", name):
                raise ValueError(f"{what} {name}")
            if name in out["type"] or name in out["method"] or \
               name in out["error"]:
                raise ValueError(f"{name} twice")
            kind = self.members()
            if what == "method":
                self.want("->")
                kind = (kind, self.members())
            out[what][name] = kind
        return out


# ---- a value against its type: what is wrong, or nothing
def wrong(iface, kind, v, at):
    plain = {"bool": bool, "int": int, "float": (int, float), "string": str,
             "object": object}
    if isinstance(kind, str) and kind in plain:
        ok = isinstance(v, plain[kind]) and v is not None and \
            (kind in ("bool", "object") or not isinstance(v, bool))
        return [] if ok else [f"{at}: {v!r} is no {kind}"]
    if isinstance(kind, str):
        return wrong(iface, iface["type"][kind], v, at)
    tag, of = kind
    if tag == "?":
        return [] if v is None else wrong(iface, of, v, at)
    if tag == "enum":
        return [] if v in of else [f"{at}: {v!r} is none of {of}"]
    if tag == "[]":
        if not isinstance(v, list):
            return [f"{at}: {v!r} is no list"]
        return sum((wrong(iface, of, e, f"{at}[{i}]")
                    for i, e in enumerate(v)), [])
    if not isinstance(v, dict):
        return [f"{at}: {v!r} is no object"]
    if tag == "{}":
        return sum((wrong(iface, of, e, f"{at}.{k}") for k, e in v.items()),
                   [])
    out = [f"{at}.{k}: not declared" for k in v if k not in of]
    for name, k in of.items():
        out += wrong(iface, k, v.get(name), f"{at}.{name}")
    return out


# ---- the protocol
class Client:
    def __init__(self, path):
        self.path, self.s, self.refused = path, None, False

    def call(self, method, params, fds=(), **more):
        """The daemon may hang up after an error that it has told, such as
        of a message that is no JSON: then once more."""
        m = self.ask(method, params, fds, **more)
        if m is None and self.refused:
            m = self.ask(method, params, fds, **more)
        self.refused = m is not None and "error" in m
        return m

    def ask(self, method, params, fds, **more):
        if self.s is None:
            self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.s.settimeout(60)
            self.s.connect(self.path)
        call = {"method": method, "parameters": params, **more}
        data = json.dumps(call).encode() + b"\0"
        try:
            if fds:
                socket.send_fds(self.s, [data], list(fds))
            else:
                self.s.sendall(data)
            return self.answer()
        except (BrokenPipeError, ConnectionResetError):
            self.s = None
            return None

    def answer(self):
        data = b""
        while not data.endswith(b"\0"):
            part, fds, _, _ = socket.recv_fds(self.s, 65536, 4)
            for fd in fds:
                os.close(fd)
            if not part:
                self.s = None
                return None
            data += part
        m = json.loads(data[:-1])
        extra = set(m) - {"parameters", "error", "continues"}
        if extra:
            bad.append(f"a message has {sorted(extra)}")
        return m


def introspect(c):
    m = c.call(SERVICE + "GetInfo", {})["parameters"]
    if set(m) != {"vendor", "product", "version", "url", "interfaces"} or \
       IFACE not in m["interfaces"]:
        bad.append(f"GetInfo: {m}")
    out = {}
    for name in m["interfaces"]:
        text = c.call(SERVICE + "GetInterfaceDescription",
                      {"interface": name})["parameters"]["description"]
        out[name] = Parser(text).interface()
        if out[name]["name"] != name:
            bad.append(f"{name} calls itself {out[name]['name']}")
    return out


def judge(all_, m, method, at):
    """An answer to io.postern.Vm.method: True if it is no error."""
    iface = all_[IFACE]
    if m is None:
        bad.append(f"{at}: the daemon hung up")
        return False
    params = m.get("parameters", {})
    if "error" not in m:
        bad.extend(wrong(iface, iface["method"][method][1], params, at))
        return True
    name, _, error = m["error"].rpartition(".")
    if error not in all_.get(name, {"error": {}})["error"]:
        bad.append(f"{at}: error {m['error']} is not declared")
    else:
        bad.extend(wrong(all_[name], all_[name]["error"][error], params,
                         f"{at}: {error}"))
    return False


OTHERS = (None, True, -1, 10 ** 18, 10 ** 40, 1.5, "", "x" * 300, "\u20ac\n",
          [], [1], {}, {"x": 1})
ENTRY = {"proto": "tcp", "cidr": "93.184.216.34", "ports": "443"}
PORT = {"host": 9090, "guest": 90}
WEB = {"name": "web"}
# in this order, each must succeed
GOOD = [
    ("List", {}), ("List", {"all": True}), ("Status", WEB), ("Info", WEB),
    ("Network", WEB), ("Logs", WEB), ("Logs", {"name": "web", "lines": 3}),
    ("Logs", {"name": "web", "hypervisor": True}), ("Definition", WEB),
    ("Events", {}), ("Backends", {}), ("Policy", {}), ("Stats", WEB),
    ("FirewallShow", WEB), ("FirewallShow", {"name": "off"}),
    ("FirewallAdd", {"name": "web", "allow": [ENTRY]}),
    ("FirewallSet", {"name": "web", "allow": [ENTRY]}),
    ("FirewallRemove", {"name": "web", "allow": [ENTRY]}),
    ("PortAdd", {"name": "web", "ports": [PORT]}),
    ("PortRemove", {"name": "web", "ports": [PORT]}),
    ("Pause", WEB), ("Resume", WEB), ("Channel", WEB), ("Console", WEB),
    ("Connect", {"name": "web", "port": 9}),
    ("Wait", {"name": "off"}), ("Stop", {"name": "web", "grace_ms": 2000}),
    ("Info", WEB), ("Remove", WEB), ("List", {"all": True}),
]
# methods that no good call above needs, or that want descriptors
REFUSED = [("Start", {"config": WEB}), ("Create", {"config": WEB}),
           ("Kill", {"name": "off"}), ("Connect", {"name": "web", "port": 8}),
           ("Wait", {"name": "web", "timeout_ms": 1}),
           ("Status", {"name": "absent"})]


def spoil(c, all_, method, good):
    """Each member of another type, missing, one too many."""
    kinds = all_[IFACE]["method"][method][0][1]
    calls = [{**good, "unheard_of": 1}]
    for name, kind in kinds.items():
        calls += [{**good, name: v} for v in OTHERS
                  if method != "Wait" or name != "timeout_ms"]
        calls += [{k: v for k, v in good.items() if k != name}]
    for params in calls:
        at = f"{method} {json.dumps(params)[:80]}"
        worked = judge(all_, c.call(f"{IFACE}.{method}", params), method, at)
        wants = wrong(all_[IFACE], ("struct", kinds), params, "")
        if worked and wants:
            bad.append(f"{at}: worked, though {wants[0]}")


def run(path):
    c = Client(path)
    all_ = introspect(c)
    methods = all_[IFACE]["method"]
    missing = set(methods) - {m for m, _ in GOOD + REFUSED}
    if missing:
        bad.append(f"never called: {sorted(missing)}")
    for method, params in REFUSED:
        if judge(all_, c.call(f"{IFACE}.{method}", params), method, method):
            bad.append(f"{method} {params}: worked")
    for method in methods:
        spoil(c, all_, method, {k: v for k, v in {
            "name": "absent", "port": 9, "allow": [], "ports": [],
            "config": {"name": "x"}}.items()
            if k in methods[method][0][1]})
    for method, params in GOOD:
        m = c.call(f"{IFACE}.{method}", params)
        if not judge(all_, m, method, method):
            bad.append(f"{method} {params}: {m}")
    for name in ("no.such.Thing", IFACE + ".Fly", "x"):
        m = c.call(name, {})
        if m is None or not m.get("error", "").startswith(SERVICE):
            bad.append(f"{name}: {m}")
        c.s = None


def blind(path):
    """The negative control: what is wrong must be found."""
    iface = introspect(Client(path))[IFACE]
    kind = iface["method"]["List"][1]
    for v in ({}, {"vms": 1}, {"vms": [{}]}, {"vms": [], "more": 1}):
        if not wrong(iface, kind, v, ""):
            bad.append(f"a wrong answer is not seen: {v}")
    for text in ("interface a.b\nmethod X() -> (", "interface a.b\ntype x ()",
                 "interface a.b\ntype X (a: ??int)", "type X ()"):
        try:
            Parser(text).interface()
            bad.append(f"taken: {text!r}")
        except (ValueError, TypeError):
            pass


def fds(path, kernel):
    """Start with descriptors, as no module does it."""
    c = Client(path)
    all_ = introspect(c)
    for config, n, good in (({"kernel_fd": 0}, 1, True),
                            ({"kernel_fd": 1}, 1, False),
                            ({"kernel_fd": 0}, 0, False)):
        files = [os.open(kernel, os.O_RDONLY) for _ in range(n)]
        m = c.call(IFACE + ".Start", {"config": {
            "name": "byfd", "memory_mib": 32, **config}}, files)
        for fd in files:
            os.close(fd)
        if judge(all_, m, "Start", f"Start {config}") != good:
            bad.append(f"Start with {n} descriptors: {m}")
    m = c.call(IFACE + ".Remove", {"name": "byfd", "force": True})
    if not judge(all_, m, "Remove", "Remove"):
        bad.append(f"Remove: {m}")


def module(path):
    """The same by Python's own varlink module."""
    import varlink
    with varlink.Client.new_with_address("unix:" + path) as client:
        names = client.get_interfaces()
        if IFACE not in names:
            bad.append(f"interfaces: {names}")
        with client.open(IFACE) as vm:
            for method, params in GOOD:
                if method in ("Console", "Connect"):
                    continue  # the answer is a descriptor
                getattr(vm, method)(**params)
            try:
                vm.Status(name="absent")
                bad.append("Status of an absent VM worked")
            except varlink.VarlinkError as e:
                if e.error() != IFACE + ".NotFound":
                    bad.append(f"Status: {e}")


what = sys.argv[2]
if what == "run":
    blind(sys.argv[1])
{"run": run, "fds": fds, "module": module}[what](sys.argv[1], *sys.argv[3:])
for line in bad:
    print(line, file=sys.stderr)
sys.exit(1 if bad else 0)
