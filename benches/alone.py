#!/usr/bin/env python3
"""How long somebody waits who talks alone, beside what the disk and the socket take by themselves.

    benches/alone.py target/release/chatd 2000

Starts a server of its own on loopback, as `sockets.py` does. In turn, a hundred at a time: a page written and synced
(`fdatasync`) in a file beside the store, a ping over the WebSocket, and a message with nothing else in flight until it is
acknowledged, which means that it is on the disk. Prints the medians, and how many bare syncs a message waits for beyond the
ping.
"""

import os, socket, statistics, sys, time

from sockets import Server, frame

PIECE, PAGE, ROOM_FOR = 100, b"\xa5" * 4096, 16 << 20


class Disk:
    """A file that is there already and is written over, as a write-ahead log is."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self.file, bytes(ROOM_FOR), 0)
        os.fsync(self.file)
        self.at = 0

    def sync(self):
        os.pwrite(self.file, PAGE, self.at)
        os.fdatasync(self.file)
        self.at = (self.at + len(PAGE)) % ROOM_FOR


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    server = Server(binary)
    try:
        room = server.room("general")
        s = server.connect({"id": 1, "op": "hello"})
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        disk = Disk(os.path.join(server.data.name, "bare"))
        body = "A message of one hundred and twenty-eight bytes, as people in a room write them to each other."

        def ask(request):
            s.sendall(frame({"id": 7, **request}))
            heard = b""
            while b'"ok":' not in heard:
                heard += s.recv(65536)

        kinds = {
            "a page written and synced": disk.sync,
            "a ping": lambda: ask({"op": "ping"}),
            "a message": lambda: ask({"op": "send", "room": room, "body": body}),
        }
        took = {kind: [] for kind in kinds}
        for _ in range(count // PIECE):
            for kind, do in kinds.items():
                for _ in range(PIECE):
                    began = time.perf_counter()
                    do()
                    took[kind].append((time.perf_counter() - began) * 1e3)
        middle = {kind: statistics.median(times) for kind, times in took.items()}
        for kind, times in took.items():
            print(f"{kind:<26} p50 {middle[kind]:6.3f} ms, p99 {statistics.quantiles(times, n=100)[98]:6.3f} ms")
        sync, ping, message = middle.values()
        print(f"a message waits {message - ping:.3f} ms beyond a ping: {(message - ping) / sync:.2f} bare syncs")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
