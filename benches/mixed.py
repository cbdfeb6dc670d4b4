#!/usr/bin/env python3
"""An hour in the life of a server: people talk, come and go, lose their connections, read too slowly, and what they said a
minute ago is archived.

    benches/mixed.py target/release/chatd 3600

Starts a server of its own on loopback, as `sockets.py` does, and has it under all of that for so many seconds: beside
`chatd bench churn` (400 connections in 20 rooms), which checks itself that nothing is lost, repeated or out of order, people
who join a room, say something and leave it again; readers who take in nothing until they are closed as too slow, and then
resume; and a run of the archive each minute. Each minute it prints how that went. At the end it reads the whole room again,
live and archived: whatever was acknowledged has to be in it, once. Ends with 1 if anything was not as it should be.
"""

import http.client, json, random, socket, statistics, struct, subprocess, sys, threading, time

from sockets import Server, frame

MOVERS, READERS, LOUD, RATE, RETURNS = 4, 4, 15_000, 100, 20
SETTINGS = ["archive.min_age=0s", "archive.rate=5000"]


class Socket:
    """A WebSocket that waits for what it is told."""

    def __init__(self, server, *requests):
        self.socket = server.connect({"id": 1, "op": "hello"}, *requests)
        self.socket.settimeout(30)
        self.rest, self.id, self.heard = b"", 10, []

    def frames(self):
        """What has come, once something has."""
        while True:
            found = []
            while len(self.rest) >= 2:
                at, size = 2, self.rest[1] & 127
                if size > 125:
                    at += 2 if size == 126 else 8
                    if len(self.rest) < at:
                        break
                    size = int.from_bytes(self.rest[2:at], "big")
                if len(self.rest) < at + size:
                    break
                code, payload = self.rest[0] & 15, self.rest[at:at + size]
                self.rest = self.rest[at + size:]
                if code == 8:
                    raise EOFError(struct.unpack(">H", payload[:2])[0])
                if code == 9:
                    self.socket.sendall(bytes([0x8A, 0x80 | len(payload)]) + bytes(4) + payload)
                if code == 1:
                    found.append(json.loads(payload))
            if found:
                return found
            more = self.socket.recv(1 << 18)
            if not more:
                raise EOFError(1006)
            self.rest += more

    def ask(self, **request):
        """The answer to a request; events that come before it are kept."""
        self.id += 1
        self.socket.sendall(frame({"id": self.id, **request}))
        while True:
            frames = self.frames()
            for at, said in enumerate(frames):
                if said.get("id") == self.id:
                    self.heard += frames[at + 1:]
                    return said
                self.heard.append(said)

    def close(self):
        self.socket.close()


class Life:
    """What goes on, and what came of it."""

    def __init__(self, server, room):
        self.server, self.room = server, room
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.waits, self.joins, self.slow, self.faults = {}, [], 0, 0, []

    def run(self, what, *args):
        while not self.ending.is_set():
            try:
                what(*args)
            except Exception as e:  # the thread goes on, and the end tells of it
                with self.lock:
                    self.faults.append(f"{what.__name__}: {type(e).__name__}: {e}")
                time.sleep(1)

    def say(self, s, body):
        txn, began = f"{random.getrandbits(64):016x}", time.monotonic()
        said = s.ask(op="send", room=self.room, txn=txn, body=body)
        took = (time.monotonic() - began) * 1000
        if "ok" not in said:
            raise AssertionError(said)
        with self.lock:
            self.acknowledged[txn] = said["ok"]["seq"]
            self.waits.append(took)

    def move(self, account):
        """Comes in, says a few things, and is gone again."""
        s = Socket(account)
        joined = s.ask(op="join", room=self.room)
        if "ok" not in joined:
            raise AssertionError(joined)
        s.ask(op="subscribe", room=self.room)
        for i in range(random.randint(1, 20)):
            self.say(s, f"I am here for the {i}th time, and soon gone")
            time.sleep(0.02)
        s.ask(op="leave", room=self.room)
        s.close()
        with self.lock:
            self.joins += 1

    def speak(self, account):
        """Says much, so that whoever does not listen is soon too slow."""
        s = Socket(account)
        while not self.ending.is_set():
            self.say(s, "x" * LOUD)
        s.close()

    def dawdle(self, account):
        """Listens, takes in nothing until it is closed, comes back and asks for what it missed; then all over again."""
        s = Socket(account)
        s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        place = s.ask(op="subscribe", room=self.room)["ok"]
        seq, epoch = place["head"], place["epoch"]
        while not self.ending.wait(40):
            try:
                until = time.monotonic() + 20
                while time.monotonic() < until:
                    s.heard += s.frames()
                raise AssertionError("was not closed, however slow")
            except (EOFError, ConnectionResetError):
                pass  # with 4008, or, where even that could not be written any more, without a word
            seq = self.follow(s.heard, seq)
            with self.lock:
                self.slow += 1
            s = Socket(account)
            s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
            place = s.ask(op="subscribe", room=self.room, after=seq, epoch=epoch)["ok"]
            # What is too much for one answer is history, which is looked through at the end.
            seq = self.follow(place["events"], seq) if place["recovered"] else place["head"]
            s.heard = [event for event in s.heard if event.get("seq", 0) > seq]
        s.close()

    def follow(self, heard, seq):
        for event in heard:
            if "ev" in event and event.get("room") == self.room and "seq" in event:
                if event["seq"] != seq + 1:
                    raise AssertionError(f"{event['seq']} came after {seq}")
                seq = event["seq"]
        return seq

    def archive(self):
        """What is older than a few seconds, each minute."""
        if self.ending.wait(60):
            return
        args = [self.server.binary, "archive", "--older-than", "20s", "--json", "--data-dir", self.server.data.name]
        ran = subprocess.run(args, capture_output=True, text=True)
        if ran.returncode:
            raise AssertionError(ran.stderr)

    def look(self):
        """The figures since the last look."""
        with self.lock:
            waits, joins, slow = sorted(self.waits), self.joins, self.slow
            self.waits, self.joins, self.slow = [], 0, 0
        return waits or [0], joins, slow


def account(server, name):
    """The same server for somebody else."""
    other = object.__new__(Server)
    other.__dict__.update(server.__dict__, token=None)
    key = {"username": name, "password": "correct horse battery"}
    other.post("/register", key)
    other.token = other.post("/login", {"login": name, "password": key["password"]})["access_token"]
    return other


def churn(server, seconds):
    args = [server.binary, "bench", "churn", "--rooms", "20", "--members", "20", "--returns", str(RETURNS)]
    args += ["--rate", str(RATE), "--duration", f"{seconds}s", "--warm-up", "2s", "--json", "--data-dir", server.data.name]
    ran = subprocess.run(args, capture_output=True, text=True)
    if ran.returncode:
        raise AssertionError(ran.stderr[-2000:] + ran.stdout[-2000:])
    return json.loads(ran.stdout)


def read_all(server, room):
    """Every message of the room, from its beginning: its `txn`s and how many there are in order."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers, after, seqs = {"authorization": "Bearer " + server.token}, 0, []
    while True:
        connection.request("GET", f"/v1/rooms/{room}/messages?after={after}&limit=200", headers=headers)
        page = json.loads(connection.getresponse().read())
        assert not page["gaps"], page["gaps"]
        if not page["items"]:
            return seqs
        seqs += [message["seq"] for message in page["items"]]
        after = seqs[-1]


def main():
    binary, seconds = sys.argv[1], int(sys.argv[2])
    server = Server(binary, *(arg for setting in SETTINGS for arg in ("--set", setting)))
    try:
        room = server.room("square")
        life = Life(server, room)
        people = [account(server, f"person{i}") for i in range(MOVERS + READERS + 1)]
        for one in people[MOVERS:]:
            Socket(one).ask(op="join", room=room)
        works = [(life.move, one) for one in people[:MOVERS]]
        works += [(life.dawdle, one) for one in people[MOVERS:-1]] + [(life.speak, people[-1]), (life.archive,)]
        threads = [threading.Thread(target=life.run, args=work) for work in works]
        for thread in threads:
            thread.start()
        began, memory, halves = time.monotonic(), [], []
        while time.monotonic() - began < seconds:
            figures = churn(server, 50)
            waits, joins, slow = life.look()
            counts = server.counts()
            memory.append(server.resident() / 2**20)
            halves.append(waits[len(waits) // 2])
            said, back = figures["talk"]["acknowledged"], figures["returned"]["resumed"]
            print(f"{(time.monotonic() - began) / 60:5.1f} min  {memory[-1]:6.1f} MiB  acknowledged p50 {said['p50_us'] / 1000:.1f} "
                  f"p99 {said['p99_us'] / 1000:.1f} ms, in the square {halves[-1]:.1f} and {waits[len(waits) * 99 // 100]:.1f}; "
                  f"{figures['returned']['connections']} back after p99 {back['p99_us'] / 1000:.1f} ms; {joins} came and "
                  f"went, {slow} were too slow; {counts['messages']:,} messages, {counts['archived']:,} archived", flush=True)
        life.ending.set()
        for thread in threads:
            thread.join()
        print("reading the square from its beginning, for some minutes after an hour", flush=True)
        there = read_all(server, room)
        lost = set(life.acknowledged.values()) - set(there)
        wrong = [*life.faults, *(["messages are out of order or repeated"] if there != sorted(set(there)) else [])]
        wrong += [f"{len(lost)} acknowledged messages are lost: {sorted(lost)[:10]}"] if lost else []
        half = len(memory) // 2
        print(f"{len(life.acknowledged):,} messages of the square were acknowledged and are there, {len(there):,} in all; memory "
              f"{statistics.mean(memory[:half] or [0]):.0f} MiB in the first half, {statistics.mean(memory[half:]):.0f} in the second")
        for what in wrong:
            print(what)
        return 1 if wrong else 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
