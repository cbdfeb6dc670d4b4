#!/usr/bin/env python3
"""What the thread that indexes costs those who talk, nice and idle in turn.

    benches/priority.py target/release/chatd 2000
    benches/priority.py target/release/chatd 2000 busy

Starts a server of its own on loopback, as `sockets.py` does, with so many messages/s in fifty rooms. Somebody else talks alone
beside that, while `chrt` and `renice` make the thread that indexes a nice one (19) and an idle one, four seconds each. Prints how long the
one who talks waits for each message. With `busy`, two endless loops take the processors as well.
"""

import os, random, statistics, subprocess, sys, threading, time

from alone import BODY, Talker
from growth import texts
from sockets import Server, frame
from takeout import thread

ROOMS, TEXTS, ROUNDS, SPELL, PAUSE, PIECES = 50, 200, 6, 4, 0.002, 100
LOOP = ["sh", "-c", "while :; do :; done"]


def talk(server, frames, rate, stop):
    """Messages at a steady rate, by somebody who does not wait for each."""
    s = server.connect({"id": 1, "op": "hello"})
    threading.Thread(target=lambda: [None for _ in iter(lambda: s.recv(65536), b"")], daemon=True).start()
    due = time.monotonic()
    while not stop.is_set():
        s.sendall(b"".join(random.choices(frames, k=max(1, rate // PIECES))))
        due += 1 / PIECES
        time.sleep(max(0, due - time.monotonic()))


def main():
    binary, rate, busy = sys.argv[1], int(sys.argv[2]), "busy" in sys.argv[3:]
    server, stop, loops = Server(binary), threading.Event(), []
    try:
        rooms = [server.room(f"room-{i}") for i in range(ROOMS)]
        _, bodies = texts()
        frames = [frame({"id": 1, "op": "send", "room": r, "body": body}) for r in rooms for body in bodies[:TEXTS]]
        talker = Talker(server)
        threading.Thread(target=talk, args=(server, frames, rate, stop), daemon=True).start()
        loops = [subprocess.Popen(LOOP) for _ in range(2 if busy else 0)]
        time.sleep(2)
        tid, took = thread(server, "search"), {"nice": [], "idle": []}
        for _ in range(ROUNDS):
            for kind, policy in ("nice", "-o"), ("idle", "-i"):
                subprocess.run(["chrt", policy, "-p", "0", tid], check=True)
                subprocess.run(["renice", "-n", "19", "-p", tid], check=True, stdout=subprocess.DEVNULL)
                until = time.monotonic() + SPELL
                while time.monotonic() < until:
                    began = time.perf_counter()
                    talker.ask(op="send", room=random.choice(rooms), body=BODY)
                    took[kind].append((time.perf_counter() - began) * 1e3)
                    time.sleep(PAUSE)
        for kind, times in took.items():
            parts = statistics.quantiles(times, n=1000)
            print(f"{kind}: p50 {parts[499]:.2f} ms, p99 {parts[989]:.2f}, p99.9 {parts[998]:.2f}, the slowest of {len(times):,} "
                  f"{max(times):.1f}")
    finally:
        for loop in loops:
            loop.kill()
        stop.set()
        server.stop()


if __name__ == "__main__":
    main()
