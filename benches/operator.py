#!/usr/bin/env python3
"""What an operator waits for, and what watching costs, beside a server with live connections and traffic.

    benches/operator.py target/release/chatd 2000

Starts a server of its own on loopback, as `sockets.py` does. Prints medians over repeated runs: the time by the clock,
and the processor time (user and system) of the command, which other work on the machine disturbs less.
"""

import fcntl, os, pty, resource, selectors, signal, statistics, struct, sys, termios, threading, time

from sockets import BODY, Server, frame

ROOMS, EVERY, RUNS, WATCHED = 50, 0.02, 30, 10


def ran(*args):
    """Runs a command to its end: by the clock, and of the processor, in milliseconds."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        nowhere = os.open("/dev/null", os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.execv(args[0], args)
    _, status, used = os.wait4(pid, 0)
    assert status == 0, args
    return (time.monotonic() - began) * 1000, (used.ru_utime + used.ru_stime) * 1000


def medians(what, limit, figures):
    clock, cpu = (statistics.median(column) for column in zip(*figures))
    print(f"{what:<46} {clock:7.1f} ms, of the processor {cpu:5.1f} ms   (mark: {limit} ms)")


class Dashboard:
    """`chatd top` in a terminal of 120 columns and 40 lines."""

    def __init__(self, server, *args):
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.execv(server.binary, [server.binary, "top", "--data-dir", server.data.name, *args])
        self.seen = b""
        self.drain = threading.Thread(target=self.read, daemon=True)

    def first(self):
        """Reads until the first frame is drawn; how long it took, in milliseconds."""
        while b"running" not in self.seen:
            self.seen += os.read(self.terminal, 65536)
        return (time.monotonic() - self.began) * 1000

    def read(self):
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass

    def cpu(self):
        return cpu(self.pid)

    def close(self):
        """Ends it; the processor time of all of its life, in milliseconds."""
        os.kill(self.pid, signal.SIGTERM)
        if not self.drain.is_alive():
            self.drain.start()
        _, _, used = os.wait4(self.pid, 0)
        # Before the number of its terminal is another's.
        self.drain.join()
        os.close(self.terminal)
        return (used.ru_utime + used.ru_stime) * 1000


def cpu(pid):
    """The processor time of a process, in seconds, to the nanosecond as the scheduler has it."""
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in os.listdir(f"/proc/{pid}/task")) / 1e9


class Traffic:
    """Connections that read what they are sent, and one that sends."""

    def __init__(self, server, count):
        rooms = [server.room(f"room-{i}") for i in range(ROOMS)]
        self.ready, self.on = selectors.DefaultSelector(), threading.Event()
        for i in range(count):
            asks = {"id": 1, "op": "hello"}, {"id": 2, "op": "subscribe", "room": rooms[i % ROOMS]}
            s = server.connect(*asks)
            self.ready.register(s, selectors.EVENT_READ)
        self.sender = server.connect({"id": 1, "op": "hello"})
        self.ready.register(self.sender, selectors.EVENT_READ)
        self.asks = [frame({"id": i + 2, "op": "send", "room": room, "body": BODY}) for i, room in enumerate(rooms)]
        for task in (self.read, self.send):
            threading.Thread(target=task, daemon=True).start()

    def read(self):
        while True:
            for key, _ in self.ready.select(0.1):
                try:
                    heard = key.fileobj.recv(65536)
                    # A ping may be in it: without an answer the server would close the connection.
                    if b"\x89" in heard:
                        key.fileobj.sendall(b"\x8a\x80" + bytes(4))
                except OSError:
                    heard = b""
                if not heard:
                    self.ready.unregister(key.fileobj)

    def send(self):
        i = 0
        while True:
            self.on.wait()
            try:
                self.sender.sendall(self.asks[i % ROOMS])
            except OSError:
                return
            i, _ = i + 1, time.sleep(EVERY)


def share(pid, seconds):
    """How much of a core a process takes over some time, in percent."""
    before, began = cpu(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu(pid) - before) / (time.monotonic() - began) * 100


def watching(server, what, seconds):
    """What a dashboard takes, and what it costs the server: with and without one in turn."""
    without, with_, own = [], [], []
    for _ in range(WATCHED):
        without.append(share(server.process.pid, seconds))
        dashboard = Dashboard(server)
        dashboard.first()
        dashboard.drain.start()
        time.sleep(1)
        before, began = dashboard.cpu(), time.monotonic()
        with_.append(share(server.process.pid, seconds))
        own.append((dashboard.cpu() - before) / (time.monotonic() - began) * 100)
        dashboard.close()
    costs = [b - a for a, b in zip(without, with_)]
    print(f"{what}: the dashboard takes {statistics.median(own):.2f} % of a core; the server "
          f"{statistics.median(without):.2f} % without and {statistics.median(with_):.2f} % with it, "
          f"{statistics.median(costs):+.2f} % more")


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    server = Server(binary)
    try:
        medians("chatd --version", 5, [ran(binary, "--version") for _ in range(RUNS)])
        traffic = Traffic(server, count)
        print(f"{server.counts()['connections']} connections in {ROOMS} rooms, quiet:")
        watching(server, "  the overview", seconds)
        traffic.on.set()
        time.sleep(1)
        print(f"the same, {1 / EVERY:.0f} messages a second to {count // ROOMS} each:")
        status = [binary, "status", "--data-dir", server.data.name]
        medians("  chatd status", 20, [ran(*status) for _ in range(RUNS)])
        for screen in ("overview", "connections"):
            figures = []
            for _ in range(RUNS):
                dashboard = Dashboard(server, "--screen", screen)
                first = dashboard.first()
                figures.append((first, dashboard.close()))
            medians(f"  the first frame of chatd top, {screen}", 150, figures)
        watching(server, "  the overview", seconds)
    finally:
        server.stop()


main()
