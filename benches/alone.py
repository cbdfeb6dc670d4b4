#!/usr/bin/env python3
"""How long somebody waits who talks alone, beside what the disk and the socket take by themselves.

    benches/alone.py target/release/chatd 1000

Starts a server of its own on loopback, as `sockets.py` does. In turn, fifty at a time: two frames of a write-ahead log, as a
message takes, added to a file beside the store and synced; the same written over what is there; each of the two with a ping
before it, which is not counted, as a disk that has rested so long takes longer; a ping over the WebSocket; and a message with
nothing else in flight until it is acknowledged, which means that it is on the disk. First while the store's log grows, then once
it is written over (`store.sqlite`, from 64 MiB on, or from 16 when there is little to do). Prints the medians, and how many bare
syncs of the same kind a message waits for beyond the ping.
"""

import os, socket, statistics, sys, time

from growth import fill, indexed
from sockets import Server, frame

PIECE, FRAME, FRAMES, ROOM_FOR, ROOMS, ROUNDS = 50, b"\xa5" * 4120, 2, 16 << 20, 50, 3
BODY = "A message of one hundred and twenty-eight bytes, as people in a room write them to each other on any day, with some more."


class Disk:
    """A file that grows, or one that is there already and is written over."""

    def __init__(self, path, over):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.at, self.over = 0, over
        if over:
            os.pwrite(self.file, bytes(ROOM_FOR), 0)
            os.fsync(self.file)

    def sync(self):
        for _ in range(FRAMES):
            os.pwrite(self.file, FRAME, self.at)
            self.at += len(FRAME)
        os.fdatasync(self.file)
        if self.over and self.at + FRAMES * len(FRAME) > ROOM_FOR:
            self.at = 0


class Talker:
    def __init__(self, server):
        self.server = server
        self.socket = server.connect({"id": 1, "op": "hello"})
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, **request):
        self.socket.sendall(frame({"id": 7, **request}))
        heard = b""
        while b'"ok":' not in heard:
            heard += self.socket.recv(65536)


def compare(kinds, count, like):
    """Each in turn, `count` times, with what goes before it; how it compares with the bare syncs that are like it."""
    took = {kind: [] for kind in kinds}
    for _ in range(count // PIECE):
        for kind, (before, do) in kinds.items():
            for _ in range(PIECE):
                before()
                began = time.perf_counter()
                do()
                took[kind].append((time.perf_counter() - began) * 1e3)
    for kind, times in took.items():
        print(f"  {kind:<42} p50 {statistics.median(times):6.3f} ms, p99 {statistics.quantiles(times, n=100)[98]:6.3f} ms")
    middle = {kind: statistics.median(times) for kind, times in took.items()}
    beyond = middle["a message"] - middle["a ping"]
    one, rested = beyond / middle[like], beyond / middle[f"{like}, after a ping"]
    print(f"  a message waits {beyond:.3f} ms beyond a ping: {one:.2f} times as long as {like}, {rested:.2f} after a ping", flush=True)


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    server = Server(binary)
    try:
        rooms = [server.room(f"room-{i}") for i in range(ROOMS)]
        talker = Talker(server)
        at = lambda name: os.path.join(server.data.name, name)
        grows, over = Disk(at("grows"), False), Disk(at("over"), True)
        ping = lambda: talker.ask(op="ping")
        nothing = lambda: None
        kinds = {
            "added to a file and synced": (nothing, grows.sync),
            "added to a file and synced, after a ping": (ping, grows.sync),
            "written over and synced": (nothing, over.sync),
            "written over and synced, after a ping": (ping, over.sync),
            "a ping": (nothing, ping),
            "a message": (nothing, lambda: talker.ask(op="send", room=rooms[0], body=BODY)),
        }
        # A log that a process left is emptied a second after the start.
        time.sleep(2)
        print("while the log grows:")
        compare(kinds, count, "added to a file and synced")
        log = at("chatd.db-wal")
        frames = [frame({"id": 7, "op": "send", "room": room, "body": BODY}) for room in rooms]
        size = -1
        while os.path.getsize(log) > size:
            size = os.path.getsize(log)
            fill(server, rooms[0], frames, 48_000)
        indexed(server)
        print(f"once its {size >> 20} MiB are written over:")
        for _ in range(ROUNDS):
            compare(kinds, count, "written over and synced")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
