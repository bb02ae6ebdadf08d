"""Callers that search: a crowd at an even pace, and the clients of a recipient.

They write requests to a socket themselves, because `http.client` would take as long as a search does.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import search
from stage import Lethe, processor_time

# A crowd: clients, searches of each a second, and seconds.
CLIENTS, RATE, LASTING = 4, 25, 10

# The turns of each kind of caller in a round. In a turn, it searches for each customer once.
TURNS = 20


class Caller:
    """A caller with a connection of its own, or with that of another caller."""

    def __init__(self, running, token, like=None):
        self.head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self.socket = like.socket if like else socket.create_connection(("127.0.0.1", running.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def searching(self, body):
        """The bytes of a search."""
        body = json.dumps(body)
        return f"POST /api/v1/archive/search HTTP/1.1\r\n{self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    def send(self, request):
        """Answers the body of a good answer."""
        self.socket.sendall(request)
        said = self.socket.recv(1 << 18)
        while (end := said.find(b"\r\n\r\n")) < 0:
            said += self.more()
        length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", said[: end + 2])[1])
        while len(said) < end + 4 + length:
            said += self.more()
        if not said.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"a search answered {said.decode()}")
        return said[end + 4 :]

    def more(self):
        if piece := self.socket.recv(1 << 18):
            return piece
        raise RuntimeError("the server has closed the connection")


class Crowd:
    """Clients that search at an even pace."""

    def __init__(self, running, token, bodies):
        self.clients = [Caller(running, token) for _ in range(CLIENTS)]
        self.requests = [self.clients[0].searching(body) for body in bodies]
        for client in self.clients:
            for request in self.requests:
                if not json.loads(client.send(request))["next_cursor"]:
                    raise RuntimeError("a search does not answer a full page")

    def search(self):
        """Searches for a while; answers the 50th and the 99th percentile and the longest time in ms."""
        times = []
        threads = [threading.Thread(target=self.search_alone, args=(no, times)) for no in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(times) != CLIENTS * RATE * LASTING:
            raise RuntimeError(f"only {len(times)} searches have succeeded")
        times.sort()
        return [1000 * times[len(times) * percent // 100] for percent in (50, 99)] + [1000 * times[-1]]

    def search_alone(self, no, times):
        began = time.monotonic() + no / CLIENTS / RATE
        for turn in range(RATE * LASTING):
            time.sleep(max(0.0, began + turn / RATE - time.monotonic()))
            request = self.requests[(turn * CLIENTS + no) % len(self.requests)]
            since = time.monotonic()
            self.clients[no].send(request)
            times.append(time.monotonic() - since)


@contextlib.contextmanager
def repeating(work, at_once):
    """Repeats some work in threads. Gives a list that gets an entry each time that it is done."""
    done, failed, end = [], [], threading.Event()

    def repeat():
        try:
            while not end.is_set():
                work()
                done.append(None)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=repeat) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    if threads:
        time.sleep(0.5)
    try:
        yield done
    finally:
        end.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


def recipients(bench):
    """Searches by a token by a caller of a recipient, and by callers of none, in turn."""
    server, say = bench.server, bench.say
    turns = TURNS * bench.rounds
    say.head(f"Search by token, pages of 50; {turns} turns of {search.CUSTOMERS} searches each, medians; {load()}")
    server.create("received")
    lethe = Lethe(bench.program, server.url("received"))
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        search.load(lethe, pathlib.Path(folder))
    server.sql("received", "VACUUM (FREEZE, ANALYZE)")
    with lethe.serve() as running:
        running.await_ready()
        plain = lethe.token("analyst")
        client = {"issuer": claims_of(plain)["iss"], "client_id": "crm"}
        recipient = {"name": "crm", "clients": [client], "external_ids": "shown"}
        running.call("/recipients", recipient, lethe.token("dpo"))
        tokens = {"plain": plain, "of a client of no recipient": with_client(lethe, plain, "desk"),
                  "of a recipient": with_client(lethe, plain, "crm")}
        # One connection for all, because each connection belongs to a thread of its own.
        first = Caller(running, plain)
        kinds = {name: prepared(Caller(running, token, first)) for name, token in tokens.items()}
        if kinds["plain"][1] == kinds["of a recipient"][1]:
            raise RuntimeError("the recipient has no tokens of its own")
        times, processor = take_turns(server, running, kinds, turns)
    lethe.close()
    server.drop("received")
    for name, took in times.items():
        low, *_, high = statistics.quantiles(took, n=10)
        served, own = (one / turns / search.CUSTOMERS * 1e6 for one in processor[name])
        say.line(f"a search {name}", f"{1e6 * statistics.median(took):.0f} µs", f"{1e6 * low:.0f}–{1e6 * high:.0f} µs",
                 f"server {served:.0f} µs", f"Lethe {own:.0f} µs")
    plain, other, received = (statistics.median(took) for took in times.values())
    say.line("against a client of no recipient", f"{received / other:.3f}")
    say.ratio("a recipient's search, of the time of a plain one", received / plain, "<=", 1.02)


def prepared(caller):
    """A caller with its searches: by the token of each customer."""
    searches = []
    for no in range(search.CUSTOMERS):
        found = json.loads(caller.send(caller.searching({"external_id": f"vip-{10 * no}"})))
        searches.append(caller.searching({"token": found["items"][0]["customer"]["phone_number"], "limit": 50}))
        page = json.loads(caller.send(searches[-1]))
        if len(page["items"]) != 50 or not page["next_cursor"]:
            raise RuntimeError("a search does not answer a full page")
    return caller, searches


def take_turns(server, running, kinds, turns):
    """Answers, for each kind of caller, seconds of a search in each turn, and processor time of the server and of Lethe."""
    names = list(kinds)
    times, processor = {name: [] for name in names}, {name: [0.0, 0.0] for name in names}
    for turn in range(-len(names), turns):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            caller, searches = kinds[name]
            served, own, began = server.cpu(), processor_time(running.process.pid), time.monotonic()
            for request in searches:
                caller.send(request)
            seconds = time.monotonic() - began
            if turn >= 0:
                times[name].append(seconds / len(searches))
                used = server.cpu() - served, processor_time(running.process.pid) - own
                processor[name] = [sum(one) for one in zip(processor[name], used)]
    return times, processor


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def with_client(lethe, token, client):
    """A token of development mode that was issued to a client."""
    encode = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    signed = f"{token.split('.')[0]}.{encode(json.dumps({**claims_of(token), 'azp': client}).encode())}"
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        key, text = pathlib.Path(folder) / "key", pathlib.Path(folder) / "text"
        key.write_bytes(signing_key(lethe))
        text.write_text(signed)
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key, "-in", text]
        signature = subprocess.run(command, check=True, capture_output=True).stdout
    return f"{signed}.{encode(signature)}"


def signing_key(lethe):
    """The key of development mode without its public part, because openssl reads the first version of PKCS #8 only."""
    lines = (pathlib.Path(lethe.folder) / "dev-signing-key.pem").read_text().splitlines()[1:-1]
    seed = base64.b64decode("".join(lines)).split(bytes.fromhex("04220420"), 1)[1][:32]
    return bytes.fromhex("302e020100300506032b657004220420") + seed


def put(running, path, body, token):
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("PUT", f"/api/v1{path}", json.dumps(body), headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{path} answered {answer.status}: {said.decode()}")


def load():
    return f"load {os.getloadavg()[0]:.1f}"
