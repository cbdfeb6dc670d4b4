#!/usr/bin/env python3
"""What it takes to have messages out of the search index again.

    benches/takeout.py target/release/chatd 300000

Starts a server of its own on loopback, as `sockets.py` does, and fills ten rooms, one of which has a tenth of all messages.
Once all of them can be found that room is deleted. Prints how much of the processor putting a message into the index and
taking one out again took, by the thread that does it, and how long a message in another room, said right after, could not be
found.
"""

import os, sys, time, urllib.request

from growth import fill, indexed, texts
from sockets import Server, frame

ROOMS, STILL = 10, 2


def thread(server, name):
    """The number of one of its threads."""
    tasks = f"/proc/{server.process.pid}/task"
    return next(task for task in os.listdir(tasks) if open(f"{tasks}/{task}/comm").read().strip() == name)


def indexing(server):
    """How much of the processor the thread that indexes has had, in seconds."""
    stat = open(f"/proc/{server.process.pid}/task/{thread(server, 'search')}/stat").read()
    return sum(map(int, stat.rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def delete(server, room):
    headers = {"authorization": "Bearer " + server.token}
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/rooms/{room}", method="DELETE", headers=headers)).read()


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    server = Server(binary)
    try:
        rooms = [server.room(f"room-{i}") for i in range(ROOMS)]
        _, bodies = texts()
        frames = [frame({"id": 1, "op": "send", "room": room, "body": body}) for body in bodies for room in rooms]
        fill(server, rooms[0], frames, count)
        indexed(server)
        put = indexing(server)
        print(f"put in: {put * 1e6 / count:.1f} µs of the processor each", flush=True)
        began = time.monotonic()
        delete(server, rooms[3])
        server.post(f"/rooms/{rooms[0]}/messages", {"body": "said after it"})
        time.sleep(STILL)
        late = time.monotonic() - began if server.status()["search"]["behind"] else 0
        while server.status()["search"]["behind"]:
            late = time.monotonic() - began
            time.sleep(0.2)
        took = indexing(server)
        time.sleep(STILL)
        while indexing(server) > took:
            took = indexing(server)
            time.sleep(STILL)
        each = (took - put) * 1e6 / (count / ROOMS)
        print(f"taken out: {each:.0f} µs each, {count // ROOMS:,} of {count:,}; what was said next was found "
              f"{f'after {late:.1f} s' if late else f'within {STILL} s'}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
