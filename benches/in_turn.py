#!/usr/bin/env python3
"""Two builds beside each other, as somebody who talks alone has them.

    benches/in_turn.py OLD NEW [ROUNDS]

Starts a server of each on loopback, as `sockets.py` does, fills both until their logs are written over, and asks them in
turn, fifty messages and fifty pings each, so that what the machine does meets both. The one that was started second is
now and then the faster for it: run it once more with the two the other way round. Prints what a message and a ping take,
how many bare syncs a message waits for beyond the ping (`alone.py`), how often a thread of the server gave the processor
to another for a message and a ping, without the thread that indexes, and the second's time to the first's by rounds.
"""

import os, statistics, sys, time

import alone
from growth import fill, indexed
from sockets import Server, frame

PIECE = 50


def times(count, do):
    took = []
    for _ in range(count):
        began = time.perf_counter()
        do()
        took.append((time.perf_counter() - began) * 1e3)
    return took


class Side:
    def __init__(self, binary):
        self.server = Server(binary)
        rooms = [self.server.room(f"room-{i}") for i in range(alone.ROOMS)]
        self.room, self.talker = rooms[0], alone.Talker(self.server)
        self.messages, self.pings = [], []
        frames = [frame({"id": 7, "op": "send", "room": room, "body": alone.BODY}) for room in rooms]
        log, size = os.path.join(self.server.data.name, "chatd.db-wal"), -1
        while os.path.getsize(log) > size:
            size = os.path.getsize(log)
            fill(self.server, self.room, frames, 48000)
        indexed(self.server)

    def round(self):
        say = lambda: self.talker.ask(op="send", room=self.room, body=alone.BODY)
        self.messages += times(PIECE, say)
        self.pings += times(PIECE, lambda: self.talker.ask(op="ping"))
        return statistics.median(self.messages[-PIECE:])

    def switches(self):
        count, tasks = 0, f"/proc/{self.server.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/status") as status:
                lines = status.read().splitlines()
            if lines[0].split()[1] != "search":
                count += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        return count


def main():
    sides = [Side(binary) for binary in sys.argv[1:3]]
    disk, bare, ratios = alone.Disk(os.path.join(sides[0].server.data.name, "bare"), True), [], []
    before = [side.switches() for side in sides]
    for turn in range(int(sys.argv[3]) if len(sys.argv) > 3 else 40):
        order = sides if turn % 2 else sides[::-1]
        took = {side: side.round() for side in order}
        ratios.append(took[sides[1]] / took[sides[0]])
        bare += times(PIECE // 2, disk.sync)
    synced = statistics.median(bare)
    print(f"written over and synced: p50 {synced:.3f} ms")
    for binary, side, begun in zip(sys.argv[1:3], sides, before):
        message, ping = statistics.median(side.messages), statistics.median(side.pings)
        slow = statistics.quantiles(side.messages, n=100)[98]
        switches = (side.switches() - begun) / len(side.messages)
        print(f"{binary}: a message p50 {message:.3f} ms, p99 {slow:.3f} ms; a ping {ping:.3f} ms; "
              f"{(message - ping) / synced:.2f} syncs beyond it; {switches:.1f} switches for both")
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"the second's time to the first's: {middle:.2f}, quartiles {low:.2f} and {high:.2f}")
    for side in sides:
        side.server.stop()


main()
