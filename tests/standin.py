"""Runs the MongoDB stand-in for the tests, and sees to it that it answers.

Usage: standin.py DIRECTORY. Once it answers, DIRECTORY/uri says where. It is asked now and then for what
takes each of its locks. Where it does not answer for a while it is ended, what its threads were doing goes to
standard error, and it is started again on the same port and data; DIRECTORY/hung has a line for each time. Ends
with SIGTERM, and then the stand-in ends with it.

`standin.py --serve ARGUMENTS` is the stand-in itself: SecantusDB, which looks for what a query asks for in an index,
unless the query names that index. Then it goes through the whole of it, and holds up everybody else; chatd names the
index in nearly every query. Here it looks in an index then, too, which takes a quarter off the tests of the archive.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pymongo

# A busy machine takes seconds for an answer, never so many.
PATIENCE_S = 60
# How often it is asked.
EVERY_S = 5
# How long it may take to start.
STARTING_S = 60


def serve() -> None:
    from secantus import cli, storage

    of_store = storage.Storage
    find, through_index = of_store.find_matching, of_store._candidates_from_hint
    asked, parts = threading.local(), {}

    def find_matching(self, db, coll, filter=None, **rest):
        # What `min` and `max` bound is not in the filter.
        whole = rest.get("min_bound") is None and rest.get("max_bound") is None
        asked.filter = filter if whole and rest.get("collation") is None else None
        return find(self, db, coll, filter, **rest)

    def candidates(self, db, coll, resolved, *order):
        found = None
        # An index of a part must not give more than the part. Looking that up takes long.
        part = parts.get((db, coll, resolved))
        if part is None:
            options = self._index_options_map(db, coll).get(resolved) or {}
            part = bool(options.get("partialFilterExpression") or options.get("sparse"))
            parts[db, coll, resolved] = part
        if asked.filter and not part and not resolved.startswith("$"):
            found = self._try_index_lookup(db, coll, asked.filter)
        # The order is not the index's, and is made afterwards.
        return through_index(self, db, coll, resolved, *order) if found is None else (found, False)

    of_store.find_matching, of_store._candidates_from_hint = find_matching, candidates
    sys.argv = ["secantusd-py", *sys.argv[2:]]
    sys.exit(cli.main())


def start(directory: Path, port: int) -> subprocess.Popen:
    # With the fault handler, SIGABRT makes it say where each of its threads is.
    env = os.environ | {"PYTHONFAULTHANDLER": "1"}
    args = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(directory / "db")]
    with (directory / "log").open("ab") as log:
        command = [sys.executable, __file__, "--serve", *args, "--log-level", "ERROR"]
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def end(server: subprocess.Popen) -> None:
    """It was told to end: waits for that, and not for long."""
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def ask(port: int, patience_s: float) -> bool:
    """Whether it writes, reads, and makes and drops a database."""
    limit_ms = int(patience_s * 1000)
    options = {"serverSelectionTimeoutMS": limit_ms, "socketTimeoutMS": limit_ms, "timeoutMS": limit_ms}
    try:
        with pymongo.MongoClient("127.0.0.1", port, **options) as client:
            base = client["standin-is-well"]
            base.asked.insert_one({})
            base.asked.find_one({})
            client.drop_database(base.name)
    except pymongo.errors.PyMongoError:
        return False
    return True


def main() -> None:
    directory = Path(sys.argv[1])
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start(directory, port)
    if not ask(port, STARTING_S):
        server.kill()
        sys.exit(f"the stand-in does not answer:\n{(directory / 'log').read_text()}")
    (directory / "uri.new").write_text(f"mongodb://127.0.0.1:{port}/")
    (directory / "uri.new").rename(directory / "uri")
    while not over.wait(EVERY_S):
        if ask(port, PATIENCE_S):
            continue
        log = directory / "log"
        read = log.stat().st_size
        server.send_signal(signal.SIGABRT)
        end(server)
        said = log.read_bytes()[read:].decode(errors="replace")
        print(f"THE STAND-IN HUNG, and is started again. Its threads:\n{said}", file=sys.stderr)
        with (directory / "hung").open("a") as hung:
            hung.write("hung\n")
        server = start(directory, port)
        ask(port, STARTING_S)
    server.terminate()
    end(server)


if sys.argv[1] == "--serve":
    serve()
else:
    main()
