#!/usr/bin/env python3
"""What people who talk notice of a run of the archive.

    benches/beside.py target/release/chatd 1000000

Starts a server of its own on loopback, as `sockets.py` does, and fills one room with so many messages. Then people talk in
other rooms at a steady rate (`chatd bench chat --rate`), in turn with nothing else going on and beside a run at the usual
rate that moves those messages, so that whatever else the machine does falls on both. Prints how long messages took from when
they were meant to be sent until they were acknowledged.
"""

import json, signal, subprocess, sys

from growth import fill, indexed, texts
from sockets import Server, frame

ROUNDS, SECONDS, RATE = 8, 15, 200


def command(server, *args):
    return subprocess.run([server.binary, *args, "--json", "--data-dir", server.data.name],
                          capture_output=True, text=True, check=True).stdout


def talk(server):
    args = ["--rooms", "10", "--members", "5", "--rate", str(RATE), "--duration", f"{SECONDS}s", "--warm-up", "2s"]
    figures = json.loads(command(server, "bench", "chat", *args))
    return figures["talk"]["acknowledged"]


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    server = Server(binary, "--set", "archive.min_age=0s")
    try:
        room = server.room("general")
        frames = [frame({"id": 1, "op": "send", "room": room, "body": body}) for body in texts()[1]]
        fill(server, room, frames, count)
        indexed(server)
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(talk(server))
            before = server.counts()["archived"]
            asked = [binary, "archive", "--older-than", "1s", "--room", "general", "--json", "--data-dir", server.data.name]
            run = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            beside.append(talk(server))
            assert run.poll() is None, "the run was over before the talk"
            run.send_signal(signal.SIGINT)
            run.wait()
            moved = server.counts()["archived"] - before
            print(f"alone p50 {alone[-1]['p50_us'] / 1000:.2f} p99 {alone[-1]['p99_us'] / 1000:.2f} ms, "
                  f"beside a run that moved {moved:,} p50 {beside[-1]['p50_us'] / 1000:.2f} p99 {beside[-1]['p99_us'] / 1000:.2f} ms",
                  flush=True)
        for what, rounds in ("alone", alone), ("beside", beside):
            middle = {k: sorted(r[k] for r in rounds)[len(rounds) // 2] / 1000 for k in ("p50_us", "p99_us")}
            print(f"{what}: p50 {middle['p50_us']:.2f} ms, p99 {middle['p99_us']:.2f} ms (medians of {ROUNDS} rounds)")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
