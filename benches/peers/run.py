#!/usr/bin/env python3
"""chatd beside its peers, in one run on one machine, as ratios.

    benches/peers/run.py target/release/chatd
    benches/peers/run.py --quick target/release/chatd

Peers are Socket.IO, Node with `ws`, Bun (uWebSockets) with publish and subscribe, and as the limit a bare loop of
write(2). They tell a room what somebody says there, and do no more: they store nothing and check nothing, while chatd
makes each message durable before anybody sees it. They are installed by npm under `target/peers`; one that is not to be
had is named and left out.

Each server runs on processor 0 and the load, the same for all (`load.c`), on processor 1; a new server for each
measurement, all of them in turn, some rounds of that, and of the rounds the median. Nothing may be lost, repeated or out
of order: a run in which something is fails. Takes about a quarter of an hour; ends with 1 when a run failed.
"""

import argparse, contextlib, fcntl, http.client, json, os, pathlib, resource, shutil, signal, socket, statistics, subprocess
import sys, tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
SERVER_CORE, LOAD_CORE = 0, 1
# What a server may take to be ready or to stop, and a measurement at its longest, in seconds.
READY, STOP, LONGEST = 20, 10, 200
ACCOUNTS, AT_ONCE = 1000, 8
SCOPES = ["message.read", "message.send", "room.create", "room.edit", "room.join"]

# What is measured: its name, rooms, members of each, what the load is told, and what counts most.
WORKLOADS = {
    "one": ("10 rooms × 100, one message in flight in each", 10, 100, ("talk", 1), "cpu_us"),
    "many": ("10 rooms × 100, 16 in flight in each", 10, 100, ("talk", 16), "deliveries_per_second"),
    "small": ("100 rooms × 2, 8 in flight in each", 100, 2, ("talk", 8), "deliveries_per_second"),
    "offered": ("10 rooms × 100, 50,000 deliveries/s offered", 10, 100, ("offer", 500), "p99_ms"),
    "idle": ("5,000 idle connections, after traffic", 60, 100, ("idle", 10), "kb_each"),
}
# The same figures as they were when chatd was designed, on another machine with 2 cores: what it was to reach, and its
# peers. Of two values the middle.
DESIGNED = {
    "one": {"chatd": 13, "socketio": 39, "ws": 28, "bun": 13.7, "bare": 10.7},
    "many": {"chatd": 800e3, "socketio": 54e3, "bun": 878e3, "bare": 906e3},
    "small": {"chatd": 80e3, "socketio": 62e3, "bun": 508e3},
    "offered": {"chatd": 10, "bun": 9.25, "bare": 5.65},
    "idle": {"chatd": 6, "socketio": 15.8, "ws": 15, "bun": 2.4},
}
FIGURES = {
    "deliveries_per_second": ("deliveries/s", "{:,.0f}"),
    "cpu_us": ("µs of the server's CPU a delivery", "{:.2f}"),
    "later_us": ("µs put off", "{:.2f}"),
    "p50_ms": ("p50, ms", "{:.2f}"),
    "p99_ms": ("p99, ms", "{:.2f}"),
    "kb_each": ("KB resident, each", "{:.1f}"),
}


# Those that are told as a ratio, too; and how they are called where that is enough.
RATIOS = set(FIGURES) - {"later_us"}
SHORT = {"cpu_us": "µs", "deliveries_per_second": "deliveries/s", "p99_ms": "p99", "kb_each": "KB"}


class Failed(Exception):
    """A measurement that came to nothing, and why."""


class Process:
    """A server of its own on loopback; it is stopped at the end, whatever happens."""

    def __init__(self, command, env=None):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=env, stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}))
        try:
            # The line in which each says where it listens. One that says nothing is not waited for.
            signal.alarm(READY)
            try:
                said = self.process.stdout.readline().decode().split()
            except TimeoutError:
                said = []
            signal.alarm(0)
            if not said:
                raise Failed(f"it did not start: {self.last_words()}")
            self.port = int(said[-1].rsplit(":", 1)[1].rstrip("/"))
        except BaseException:
            self.stop()
            raise

    def last_words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()[-500:] or "without a word"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Peer:
    """A server that only tells a room what is said there."""

    def __init__(self, name, protocol, command, env=None):
        self.name, self.protocol, self.command, self.env = name, protocol, command, env

    @contextlib.contextmanager
    def serve(self, rooms, members):
        """Its process, and what the load has to know of its rooms and people: nothing."""
        process = Process(self.command, self.env)
        try:
            yield process, ""
        finally:
            process.stop()


class Chatd:
    """chatd as it comes, with its store (SQLite) in a directory of its own; only what stands in the way of a load test
    is different: limits are off, and nobody has to renew a token."""

    name, protocol = "chatd", "chatd"

    def __init__(self, binary):
        self.binary = binary

    @contextlib.contextmanager
    def serve(self, rooms, members):
        with tempfile.TemporaryDirectory() as data:
            command = [self.binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--set", "limits.enabled=false"]
            process = Process([*command, "--set", "auth.access_token=24h"])
            try:
                yield process, people(data, process.port, rooms, members)
            finally:
                process.stop()


class Admin(http.client.HTTPConnection):
    """The admin socket, which speaks HTTP."""

    def __init__(self, path):
        super().__init__("chatd", timeout=READY)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(connection, method, path, body, token=None):
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise Failed(f"{method} {path}: {answer.status} {text.decode(errors='replace')[:300]}")
    return json.loads(text or b"null")


def people(data, port, rooms, members):
    """Makes accounts, each with a session, and rooms with their members. Answers the ids of the rooms and the token of each
    connection, one a line."""
    accounts = min(ACCOUNTS, rooms * members)
    account = lambda conn: conn % accounts

    def each(count, open_, work):
        """So many, some at a time, each with a connection that stays."""
        def part(first):
            connection = open_()
            try:
                return [work(connection, i) for i in range(first, count, AT_ONCE)]
            finally:
                connection.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(part, range(AT_ONCE)))
        return [parts[i % AT_ONCE][i // AT_ONCE] for i in range(count)]

    def session(admin, number):
        ask(admin, "POST", "/v1/users", {"name": f"peer-{number}", "bot": True})
        token = {"name": "peers", "scopes": SCOPES, "expires_in": 24 * 60 * 60}
        return ask(admin, "POST", f"/v1/users/peer-{number}/tokens", token)["token"]

    def room(rest, number):
        owner, *others = dict.fromkeys(account(number * members + i) for i in range(members))
        made = ask(rest, "POST", "/v1/rooms", {"name": f"room-{number}", "kind": "private"}, tokens[owner])["id"]
        for other in others:
            ask(rest, "PUT", f"/v1/rooms/{made}/members/peer-{other}", {}, tokens[owner])
        return made

    tokens = each(accounts, lambda: Admin(f"{data}/admin.sock"), session)
    ids = each(rooms, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=READY), room)
    return "\n".join([*ids, *(tokens[account(conn)] for conn in range(rooms * members))]) + "\n"


def measure(load, server, workload, quick):
    """One measurement, with a server of its own."""
    _, rooms, members, what, _ = WORKLOADS[workload]
    if workload == "idle":
        rooms = 20 if quick else rooms
    else:
        what += (0.3, 1) if quick else (1, 4)
    with server.serve(rooms, members) as (process, told):
        command = [load, server.protocol, process.port, process.process.pid, rooms, members, *what]
        ran = subprocess.run([str(word) for word in command], input=told, capture_output=True, text=True, timeout=LONGEST,
                             preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}))
        try:
            figures = json.loads(ran.stdout)
        except ValueError:
            raise Failed(f"the load ended with {ran.returncode}: {ran.stderr[-300:]}")
        if "error" in figures:
            raise Failed(figures["error"])
        if "cpu_us" in figures:
            # Far below 100 for both, and something else had the processors.
            figures["server_percent"] = figures["cpu_us"] * figures["deliveries_per_second"] / 1e4
        return figures


def build(where, name):
    """Compiles one of the programs in C."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        sys.exit("this takes a C compiler: install one (Debian: gcc), or name it in CC")
    subprocess.run([compiler, "-O2", "-o", where / name, HERE / f"{name}.c"], check=True, timeout=120)
    return str(where / name)


def install(where, package):
    """Whether npm brings it. What is there already is kept."""
    if (where / "node_modules" / package.split("@")[0] / "package.json").exists():
        return None
    npm = shutil.which("npm")
    if not npm:
        return "there is no npm"
    # Without one, npm looks for it in the directories above.
    (where / "package.json").exists() or (where / "package.json").write_text('{"private":true}\n')
    try:
        ran = subprocess.run([npm, "install", "--no-audit", "--no-fund", package], cwd=where, capture_output=True, text=True,
                             timeout=300)
    except subprocess.TimeoutExpired:
        return "npm took longer than five minutes"
    return None if ran.returncode == 0 else f"npm: {ran.stderr.strip()[-300:]}"


def bun_of(where):
    """Bun itself, which the package has under one of these names; none when none runs here."""
    modules = where / "node_modules"
    for path in [modules / ".bin" / "bun", *modules.glob("@oven/*/bin/bun")]:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([path, "--version"], check=True, capture_output=True, timeout=20)
            return str(path.resolve())
    return None


def version(where, package):
    return json.loads((where / "node_modules" / package / "package.json").read_text())["version"]


def peers(where):
    """Those that are to be had, and why the others are not."""
    there, missing = [], []
    env, node = {**os.environ, "NODE_PATH": str(where / "node_modules")}, shutil.which("node")
    for key, name, package in ("socketio", "Socket.IO", "socket.io@4.8"), ("ws", "Node ws", "ws@8"):
        why = install(where, package) or (None if node else "there is no node")
        if why:
            missing.append(f"{name} is left out: {why}")
        else:
            name += " " + version(where, package.split("@")[0])
            protocol = "socketio" if key == "socketio" else "plain"
            there.append((key, Peer(name, protocol, [node, str(HERE / f"{key}.js")], {**env, "NODE_ENV": "production"})))
    why = install(where, "bun@1")
    bun = None if why else bun_of(where)
    if bun:
        there.append(("bun", Peer(f"Bun {version(where, 'bun')}", "plain", [bun, str(HERE / "bun.js")])))
    else:
        missing.append(f"Bun is left out: {why or 'its package has no program that runs here'}")
    there.append(("bare", Peer("bare write(2)", "plain", [build(where, "bare")])))
    return there, missing


def table(workload, servers, results):
    """What was measured, the median of the rounds, with each figure's ratio to that of chatd."""
    title, *_, counts = WORKLOADS[workload]
    middle = {}
    for key, _ in servers:
        rounds = results[workload, key]
        middle[key] = {figure: statistics.median(r[figure] for r in rounds) for figure in rounds[0]} if rounds else {}
    ours = middle["chatd"]
    shown = [figure for figure in FIGURES if any(figure in m for m in middle.values())]
    if workload == "offered":
        # So many are offered: that is how many there are, unless a server does not keep up.
        shown.remove("deliveries_per_second")
    designed, busy = DESIGNED[workload], workload != "idle"
    head = [title]
    for figure in shown:
        head += [FIGURES[figure][0]] + ["to chatd's"] * (figure in RATIOS)
    head += [f"designed: {SHORT[counts]} to chatd's"] + ["server busy", "load busy"] * busy
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for key, server in servers:
        row, figures = [server.name], middle[key]
        for figure in shown:
            row.append(FIGURES[figure][1].format(figures[figure]) if figures else "–")
            if figure in RATIOS:
                row.append(f"{figures[figure] / ours[figure]:.2f}" if figures and ours and ours[figure] else "–")
        row.append(f"{designed[key] / designed['chatd']:.2f}" if key in designed else "–")
        if busy:
            row += [f"{figures[f'{who}_percent']:.0f} %" if figures else "–" for who in ("server", "load")]
        lines.append(row)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    fill = lambda text, width, column: text.ljust(width) if column == 0 else text.rjust(width)
    for line in lines:
        print("| " + " | ".join(fill(*cell) for cell in zip(line, widths, range(len(head)))) + " |")
    behind = [server.name for key, server in servers if workload == "offered" and middle[key]
              and middle[key]["deliveries_per_second"] < 0.98 * 50_000]
    for name in behind:
        print(f"\n{name} did not keep up with what was offered: it has no p99 but how far it fell behind.")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", help="chatd, a release build")
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, figures mean little")
    parser.add_argument("--rounds", type=int, help="how often [default: 3]")
    parser.add_argument("--only", help="only these peers, by comma: socketio,ws,bun,bare; or none")
    parser.add_argument("--workloads", help="these workloads, by comma: " + ",".join(WORKLOADS))
    parser.add_argument("--dir", type=pathlib.Path, default=HERE.parents[1] / "target" / "peers", help="where peers are installed")
    parser.add_argument("--lock", help="hold this file's lock while measuring, on a machine where others measure too")
    options = parser.parse_args()
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        sys.exit("this takes two processors, one for the server and one for the load")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def timed_out(*_):
        raise TimeoutError

    # What is under way is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, timed_out)
    options.dir.mkdir(parents=True, exist_ok=True)
    where = options.dir.resolve()
    found, missing = peers(where)
    only = options.only.split(",") if options.only else None
    servers = [("chatd", Chatd(os.path.abspath(options.binary)))]
    servers += [(key, peer) for key, peer in found if not only or key in only]
    workloads = options.workloads.split(",") if options.workloads else list(WORKLOADS)
    load, failures = build(where, "load"), []
    results = {(workload, key): [] for workload in workloads for key, _ in servers}
    print(*missing, sep="\n", end="\n" if missing else "", flush=True)
    rounds = options.rounds or (1 if options.quick else 3)
    for turn in range(rounds):
        for workload in workloads:
            # Nobody is always the first.
            first = turn % len(servers)
            for key, server in servers[first:] + servers[:first]:
                with open(options.lock or os.devnull, "w") as lock:
                    if options.lock:
                        fcntl.flock(lock, fcntl.LOCK_EX)
                    try:
                        figures = measure(load, server, workload, options.quick)
                    except (Failed, OSError, subprocess.TimeoutExpired) as e:
                        failures.append(f"{server.name}, {WORKLOADS[workload][0]}: {e}")
                        print(failures[-1], file=sys.stderr, flush=True)
                        continue
                results[workload, key].append(figures)
                said = "  ".join(f"{name} {value:,.6g}" for name, value in figures.items())
                print(f"round {turn + 1} of {rounds}  {workload:8} {server.name:16} {said}", file=sys.stderr, flush=True)
    print(f"medians of {rounds}; servers on processor {SERVER_CORE}, the load on {LOAD_CORE}; 128-byte messages\n")
    for workload in workloads:
        table(workload, servers, results)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
