#!/usr/bin/env python3
"""Two figures of a running chatd, by plain sockets: what an idle connection costs, and how many messages become
durable. Starts a server of its own on loopback, with a temporary data directory, and stops it.

    benches/sockets.py idle  target/release/chatd 6000
    benches/sockets.py sends target/release/chatd 20000

One user does it all: what is measured is the server, not logging in.
"""

import json, socket, struct, subprocess, sys, tempfile, threading, time, urllib.request

ROOMS, SENDERS, BODY = 100, 8, "x" * 128


class Server:
    def __init__(self, binary, *settings):
        self.data = tempfile.TemporaryDirectory()
        self.binary = binary
        self.args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", self.data.name, *settings]
        self.args += ["--set", "limits.enabled=false", "--set", "auth.access_token=24h"]
        self.start()
        account = {"username": "ana", "password": "correct horse battery"}
        self.token = None
        self.post("/register", account)
        login = {"login": account["username"], "password": account["password"]}
        self.token = self.post("/login", login)["access_token"]

    def start(self):
        """Starts it; how long it took to be ready, in seconds."""
        began = time.monotonic()
        self.process = subprocess.Popen([self.binary, *self.args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = self.process.stdout.readline().split()[-1].decode()
        took = time.monotonic() - began
        self.port = int(self.url.rsplit(":", 1)[1])
        return took

    def restart(self):
        """Stops it and starts it again; how long it took to be ready, in seconds."""
        self.process.terminate()
        self.process.wait()
        return self.start()

    def post(self, path, body):
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        request = urllib.request.Request(self.url + "/v1" + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request))

    def room(self, name):
        return self.post("/rooms", {"name": name, "kind": "public"})["id"]

    def connect(self, *requests):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  b"Authorization: Bearer " + self.token.encode() + b"\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(4096)
        for request in requests:
            s.sendall(frame(request))
            s.recv(65536)
        return s

    def resident(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Rss:")) * 1024

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def status(self):
        return json.loads(subprocess.check_output([self.binary, "status", "--json", "--data-dir", self.data.name]))

    def counts(self):
        return self.status()["counts"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.data.cleanup()


def frame(request):
    payload = json.dumps(request).encode()
    short = len(payload) < 126
    head = bytes([0x81, 0x80 | len(payload)]) if short else b"\x81\xfe" + struct.pack(">H", len(payload))
    return head + bytes(4) + payload


def idle(server, count):
    room = server.room("general")
    asks = {"id": 1, "op": "hello"}, {"id": 2, "op": "subscribe", "room": room}
    sockets = []

    def connect(many):
        sockets.extend(server.connect(*asks) for _ in range(many))

    def traffic():
        for _ in range(20):
            server.post(f"/rooms/{room}/messages", {"body": BODY})
        for s in sockets:
            heard = 0
            while heard < 20:
                heard += s.recv(65536).count(b'"ev":"message"')

    # The first thousand warm what is shared: the allocator, hashing, the store's cache.
    connect(1000)
    traffic()
    before = server.resident()
    connect(count)
    traffic()
    time.sleep(1)
    each = (server.resident() - before) / count
    print(f"{server.counts()['connections']} connections, logged in and subscribed, after 20 messages to each:")
    print(f"{each:.0f} bytes of resident memory for each")


def sends(server, count):
    rooms = [server.room(f"room-{i}") for i in range(ROOMS)]
    each = count // SENDERS
    sockets = [server.connect({"id": 1, "op": "hello"}) for _ in range(SENDERS)]
    ask = lambda i: frame({"id": i, "op": "send", "room": rooms[i % ROOMS], "body": BODY})
    bytes_ = b"".join(ask(i) for i in range(each))

    def read(s):
        acknowledged = 0
        while acknowledged < each:
            acknowledged += s.recv(1 << 20).count(b'"ok":')

    threads = [threading.Thread(target=read, args=(s,)) for s in sockets]
    threads += [threading.Thread(target=s.sendall, args=(bytes_,)) for s in sockets]
    cpu, start = server.cpu(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu = time.monotonic() - start, server.cpu() - cpu
    counts = server.counts()
    print(f"{each * SENDERS} messages in {ROOMS} rooms, acknowledged in {took:.2f} s: {each * SENDERS / took:.0f}/s")
    print(f"{cpu * 1e6 / (each * SENDERS):.0f} µs of the server's CPU each, {counts['messages'] / counts['batches']:.0f} to a commit")


def main():
    what, binary, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    server = Server(binary)
    try:
        {"idle": idle, "sends": sends}[what](server, count)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
