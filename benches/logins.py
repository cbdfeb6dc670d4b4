#!/usr/bin/env python3
"""What people who talk notice of people who log in.

    benches/logins.py target/release/chatd

Starts a server of its own on loopback, as `sockets.py` does. People talk at a steady rate (`chatd bench chat --rate`), in turn
with nothing else going on and while two hundred others log in at once, again as soon as all of them are in. Prints how long
messages took from when they were meant to be sent until they were acknowledged, and how long the two hundred took.
"""

import http.client, json, multiprocessing, sys, time

from beside import talk
from sockets import Server

ROUNDS, AT_ONCE = 6, 200


def accounts(server):
    """People with passwords, each hashed as dearly as the server has it."""
    server.token = None
    people = [{"username": f"person-{i}", "password": f"correct horse {i}"} for i in range(AT_ONCE)]
    for person in people:
        server.post("/register", person)
    return [{"login": p["username"], "password": p["password"]} for p in people]


def log_in(port, people, stop, took):
    """All of them at once, and again."""
    while not stop.is_set():
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=120) for _ in people]
        began = time.monotonic()
        for connection, person in zip(connections, people):
            connection.request("POST", "/v1/login", json.dumps(person), {"content-type": "application/json"})
        answers = [connection.getresponse() for connection in connections]
        assert all(answer.status == 200 for answer in answers), {answer.status for answer in answers}
        took.put(time.monotonic() - began)
        for connection in connections:
            connection.close()


def main():
    server = Server(sys.argv[1])
    try:
        people = accounts(server)
        alone, beside, times = [], [], []
        for _ in range(ROUNDS):
            alone.append(talk(server))
            stop, took = multiprocessing.Event(), multiprocessing.Queue()
            others = multiprocessing.Process(target=log_in, args=(server.port, people, stop, took))
            others.start()
            beside.append(talk(server))
            stop.set()
            others.join()
            while not took.empty():
                times.append(took.get())
            print(f"alone p50 {alone[-1]['p50_us'] / 1000:.2f} p99 {alone[-1]['p99_us'] / 1000:.2f} ms, "
                  f"beside logins p50 {beside[-1]['p50_us'] / 1000:.2f} p99 {beside[-1]['p99_us'] / 1000:.2f} ms", flush=True)
        for what, rounds in ("alone", alone), ("beside", beside):
            middle = {k: sorted(r[k] for r in rounds)[len(rounds) // 2] / 1000 for k in ("p50_us", "p99_us")}
            print(f"{what}: p50 {middle['p50_us']:.2f} ms, p99 {middle['p99_us']:.2f} ms (medians of {ROUNDS} rounds)")
        print(f"{AT_ONCE} logins at once: all answered after {min(times):.1f} to {max(times):.1f} s, {len(times)} times")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
