#!/usr/bin/env python3
"""How what people wait for grows with what is stored: a room of ten thousand messages, then ten times as many, and so on.

    benches/growth.py target/release/chatd 10000000

Starts a server of its own on loopback, as `sockets.py` does, and fills one room through it, as clients do. At each step it
waits until all of it can be found, and prints how long the server takes to start, how long a page of 50 messages and a
search take, with nothing else going on and beside messages at a steady rate, and what the store, the index and the process
weigh. Ten million messages take 6 GB and about half an hour on two cores, most of it for the index.
"""

import http.client, json, multiprocessing, os, random, statistics, sys, threading, time, urllib.parse

from sockets import SENDERS, Server, frame

FIRST, STARTS, READS, RATE = 10_000, 5, 300, 500
# How many texts there are, of which messages are made.
TEXTS, WORDS = 5_000, 6_000


def texts():
    """Texts of words, few of them often and many seldom, from a word to a paragraph. Each has a number of its own."""
    dice = random.Random(1)
    syllables = "ba de ki lo mu na pe ri so tu va en or an is ter ing st ch al".split()
    words = ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(WORDS)]
    weights = [1 / (rank + 3) for rank in range(WORDS)]
    lengths = [max(1, int(dice.lognormvariate(2.3, 0.7))) for _ in range(TEXTS)]
    return words, [" ".join([*dice.choices(words, weights, k=k), f"no{i}"]) for i, k in enumerate(lengths)]


def fill(server, room, frames, count):
    """Has `count` messages said, by a few who do not wait for each."""
    each = count // SENDERS

    def say(s):
        left = each
        while left:
            many = min(left, 1_000)
            s.sendall(b"".join(random.choices(frames, k=many)))
            left -= many

    def read(s):
        heard = 0
        rest = b""
        while heard < each:
            rest = rest[-4:] + s.recv(1 << 20)
            heard += rest.count(b'"ok":')

    sockets = [server.connect({"id": 1, "op": "hello"}) for _ in range(SENDERS)]
    threads = [threading.Thread(target=f, args=(s,)) for s in sockets for f in (say, read)]
    began, cpu = time.monotonic(), server.cpu()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for s in sockets:
        s.close()
    return count / (time.monotonic() - began), (server.cpu() - cpu) * 1e6 / count


def talk(server, frames, stop):
    """Messages at a steady rate, until it is told to stop."""
    s = server.connect({"id": 1, "op": "hello"})
    threading.Thread(target=lambda: [None for _ in iter(lambda: s.recv(65536), b"")], daemon=True).start()
    due = time.monotonic()
    while not stop.is_set():
        s.sendall(random.choice(frames))
        due += 1 / RATE
        time.sleep(max(0, due - time.monotonic()))


def asked(server, paths):
    """How long these take one after the other, over one connection: the half, 99 of 100, the slowest, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers, took = {"authorization": "Bearer " + server.token}, []
    for path in paths:
        began = time.monotonic()
        connection.request("GET", "/v1" + path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        took.append((time.monotonic() - began) * 1000)
        assert answer.status == 200, body
    took.sort()
    return f"p50 {took[len(took) // 2]:6.2f} ms, p99 {took[len(took) * 99 // 100]:6.2f} ms, slowest {took[-1]:6.2f} ms"


def grown(server, room, frames, words, count):
    """The figures of a room with so many messages."""
    pages = [f"/rooms/{room}/messages?before={random.randint(60, count)}&limit=50" for _ in range(READS)]
    newest = [f"/rooms/{room}/messages?limit=50"] * READS
    find = lambda q: "/search?limit=20&q=" + urllib.parse.quote(q)
    often, seldom = words[0], lambda: f"no{random.randrange(TEXTS)}"
    reads = {
        "a page of 50, anywhere": pages,
        "a page of 50, the newest": newest,
        "search, a word of one message in four": [find(often)] * READS,
        f"search, a word of one message in {TEXTS}": [find(seldom()) for _ in range(READS)],
        "search, both": [find(f"{often} {seldom()}") for _ in range(READS)],
        "search, in one room, what fits best first": [find(often) + f"&room={room}&order=relevance"] * READS,
    }
    for what, paths in reads.items():
        print(f"  {what:<44} {asked(server, paths)}")
    stop = multiprocessing.Event()
    beside = multiprocessing.Process(target=talk, args=(server, frames, stop))
    beside.start()
    for what, paths in reads.items():
        print(f"  {what + ', beside ' + str(RATE) + '/s':<44} {asked(server, paths)}")
    stop.set()
    beside.join()


def indexed(server):
    """Waits until everything can be found; how long that took, and how much of the processor."""
    began, cpu = time.monotonic(), server.cpu()
    while server.status()["search"]["behind"]:
        time.sleep(0.2)
    return time.monotonic() - began, server.cpu() - cpu


def main():
    binary, most = sys.argv[1], int(sys.argv[2])
    server = Server(binary, "--set", "limits.search_rate=1000000", "--set", "limits.search_burst=1000000")
    words, bodies = texts()
    try:
        room = server.room("general")
        frames = [frame({"id": 1, "op": "send", "room": room, "body": body}) for body in bodies]
        there, step = 0, FIRST
        while step <= most:
            rate, cpu = fill(server, room, frames, step - there)
            behind, indexing = indexed(server)
            print(f"{step:,} messages: the last {step - there:,} at {rate:,.0f}/s, {cpu:.1f} µs of the processor each, "
                  f"all found {behind:.1f} s later, for {indexing * 1e6 / (step - there):.1f} µs each")
            starts = statistics.median(server.restart() for _ in range(STARTS))
            status = server.status()
            store, index = status["store"]["bytes"], status["search"]["bytes"]
            print(f"  ready {starts * 1000:.0f} ms after it was started; {store / step:.0f} bytes a message in the store, "
                  f"{index / step:.0f} in the index; {server.resident() / 2**20:.0f} MiB resident")
            grown(server, room, frames, words, step)
            sys.stdout.flush()
            there, step = step, step * 10
    finally:
        server.stop()


if __name__ == "__main__":
    main()
