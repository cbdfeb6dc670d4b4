"""Runs the MongoDB stand-in for the tests, and sees to it that it answers.

Usage: standin.py PROGRAM DIRECTORY. Once it answers, DIRECTORY/uri says where. It is asked now and then for what
takes each of its locks. Where it does not answer for a while it is ended, what its threads were doing goes to
standard error, and it is started again on the same port and data; DIRECTORY/hung has a line for each time. Ends
with SIGTERM, and then the stand-in ends with it.
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


def start(program: str, directory: Path, port: int) -> subprocess.Popen:
    # With the fault handler, SIGABRT makes it say where each of its threads is.
    env = os.environ | {"PYTHONFAULTHANDLER": "1"}
    args = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(directory / "db")]
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            [program, *args, "--log-level", "ERROR"], env=env, stdout=log, stderr=log
        )


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
    program, directory = sys.argv[1], Path(sys.argv[2])
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start(program, directory, port)
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
        server = start(program, directory, port)
        ask(port, STARTING_S)
    server.terminate()
    end(server)


main()
