"""Messages of webhooks: how fast one worker delivers them, and how much their events cost the ingest.

The receiver is a threaded server of this process. It returns 204, and keeps what it got. The signatures are verified
afterwards, so that the receiver takes as little of the two cores as possible.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import socketserver
import statistics
import threading
import time

import exports
import ingest
from stage import processor_time

# How many interactions are sent in calls of their own.
SINGLE = 4_000
KINDS = {"without": "without a webhook", "with": "with a webhook of its events",
         "sending": "… while `serve` sends the messages too"}


def run(bench):
    deliver(bench, "small messages, of requests", "anonymize_request.created", import_requests)
    deliver(bench, "long messages, of up to 50 interactions", "interaction.stored", ingest_interactions)
    compare_ingest(bench, f"in {ingest.CALLS} calls", ingest.LINES * ingest.CALLS, in_streams)
    compare_ingest(bench, "one by one", SINGLE, one_by_one)


def deliver(bench, title, kind, fill):
    """One worker sends the messages of some events to one receiver."""
    say = bench.say
    say.head(f"Webhooks: {title}, by one worker; {bench.rounds} rounds, medians")
    rounds = [deliver_once(bench, kind, fill) for _ in range(bench.rounds)]
    messages, sizes, seconds, *processor = zip(*rounds)
    rates = [count / took for count, took in zip(messages, seconds)]
    say.line("messages, bytes of a body", f"{messages[0]:,}", f"{statistics.median(sizes):,.0f}")
    say.line("whole run of `lethe deliver --once`", f"{statistics.median(seconds):.2f} s",
             f"{min(seconds):.2f}–{max(seconds):.2f} s")
    used = [statistics.median(one) / messages[0] * 1e6 for one in processor]
    say.line("processor time: worker, server, receiver", *(f"{one:,.0f} µs" for one in used))
    say.ratio("messages delivered a second", statistics.median(rates), ">=", 500)


def deliver_once(bench, kind, fill):
    """Returns messages, bytes of a body, seconds, and processor time of the worker, the server, and the receiver."""
    server = bench.server
    with exports.fresh(bench, "hooked") as lethe, Receiver() as receiver:
        with lethe.serve() as running:
            running.await_ready()
            secret = subscribe(running, lethe, receiver, kind)
            fill(lethe, running)
        [events] = server.sql("hooked", f"SELECT count(*) FROM webhook_events WHERE kind = '{kind}'")
        children, own = child_time(), time.process_time()
        seconds, used = server.measured(lambda: exports.timed(lambda: lethe.run("deliver", "--once")))
        worker, own = child_time() - children, time.process_time() - own
        [pending] = server.sql("hooked", "SELECT count(*) FROM webhook_messages WHERE state <> 'delivered'")
        ids = receiver.signed(secret)
        if len(ids) != int(events) or int(pending):
            raise RuntimeError(f"{len(ids)} signed messages of {events} events arrived, {pending} wait")
        return len(ids), receiver.size() / len(receiver.messages), seconds, worker, used, own


def compare_ingest(bench, title, count, send):
    """Ingest with a webhook that gets its events, and without one, in alternating rounds."""
    say = bench.say
    say.head(f"Ingest of {count:,} interactions {title}, with a webhook and without; {bench.rounds} rounds, medians")
    lines = bench.lethe.run("sample", "--interactions", str(count), "--days", "30").encode().splitlines(True)
    taken = {kind: [] for kind in KINDS}
    for no in range(bench.rounds):
        for kind in list(KINDS)[:: -1 if no % 2 else 1]:
            taken[kind].append(ingest_once(bench, kind, lambda running, token: send(running, token, lines)))
    for kind, words in KINDS.items():
        seconds, own, used, _ = (statistics.median(one) for one in zip(*taken[kind]))
        say.line(words, f"{count / seconds:,.0f} rows/s",
                 f"Lethe {own / count * 1e6:.1f} µs", f"server {used / count * 1e6:.1f} µs")
    walls = {kind: statistics.median(one[0] for one in taken[kind]) for kind in KINDS}
    work = {kind: statistics.median(one[1] + one[2] for one in taken[kind]) for kind in KINDS}
    say.line("events", f"{taken['with'][0][3]:,}")
    say.line("of the rows/s, while `serve` sends", f"{walls['without'] / walls['sending']:.2f}")
    say.line("of the rows a second of processor time", f"{work['without'] / work['with']:.2f}")
    say.ratio("of the rows/s without a webhook", walls["without"] / walls["with"], ">=", 0.8)


def ingest_once(bench, kind, send):
    """Returns seconds, processor time of Lethe and of the server, and the number of events."""
    server = bench.server
    with exports.fresh(bench, "hooked") as lethe, Receiver() as receiver:
        if kind == "sending":
            lethe.settings |= {"LETHE_DELIVERY__SERVE": "true", "LETHE_DELIVERY__INTERVAL": "1"}
        with lethe.serve() as running:
            running.await_ready()
            if kind != "without":
                subscribe(running, lethe, receiver, "interaction.stored")
            token, before = lethe.token("integration"), processor_time(running.process.pid)
            seconds, used = server.measured(lambda: send(running, token))
            own = processor_time(running.process.pid) - before
        [events] = server.sql("hooked", "SELECT count(*) FROM webhook_events WHERE kind = 'interaction.stored'")
        if (kind == "without") != (int(events) == 0):
            raise RuntimeError(f"{events} events {kind} a webhook")
        return seconds, own, used, int(events)


def in_streams(running, token, lines):
    """Few calls with thousands of lines. Returns the seconds."""
    part = ingest.LINES
    return ingest.ingest(running, token, [b"".join(lines[at : at + part]) for at in range(0, len(lines), part)])


def one_by_one(running, token, lines):
    """A call for each interaction, as a telephony system sends them. Returns the seconds."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}

    def send(some):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        for line in some:
            connection.request("POST", "/api/v1/archive/interactions", line, headers)
            answer = connection.getresponse()
            if json.loads(answer.read()).get("created") != 1:
                raise RuntimeError(f"a record was not created: {answer.status}")
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(ingest.CALLS) as pool:
        parts = [lines[no :: ingest.CALLS] for no in range(ingest.CALLS)]
        return exports.timed(lambda: list(pool.map(send, parts)))


def subscribe(running, lethe, receiver, kind):
    """Enters a webhook. Returns its secret."""
    entered = running.call("/webhooks", {"url": receiver.url, "events": [kind]}, lethe.token("operator"))
    return base64.b64decode(entered["secret"].removeprefix("whsec_"))


def import_requests(lethe, running):
    running.call("/anonymize-requests/import", exports.spreadsheet(), lethe.token("dpo"), "text/csv")


def ingest_interactions(lethe, running):
    ingest.ingest(running, lethe.token("integration"), ingest.sample(lethe))


def child_time():
    """Seconds of processor time of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


class Receiver:
    """A server that accepts each message. Its connections stay open, and each has a thread."""

    def __init__(self):
        self.messages = []
        self.server = Threads(("127.0.0.1", 0), Conversation)
        self.server.messages = self.messages
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def signed(self, secret):
        """The ids of the messages whose `v1` signature is right. One that is not ends the run."""
        ids = set()
        for headers, body in self.messages:
            no, at = headers[b"webhook-id"], headers[b"webhook-timestamp"]
            right = hmac.digest(secret, b"%s.%s.%s" % (no, at, body), hashlib.sha256)
            if b"v1," + base64.b64encode(right) not in headers[b"webhook-signature"].split():
                raise RuntimeError("the signature of a message is wrong")
            ids.add(no)
        return ids

    def size(self):
        return sum(len(body) for _, body in self.messages)


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads, block_on_close = True, False
    # A connection that finds the queue full is tried again after a second.
    request_queue_size = 128


class Conversation(socketserver.StreamRequestHandler):
    """The requests of one connection."""

    disable_nagle_algorithm = True

    def handle(self):
        while self.rfile.readline(1_000):
            headers = {}
            while (line := self.rfile.readline(10_000)).strip():
                name, _, value = line.partition(b":")
                headers[name.strip().lower()] = value.strip()
            body = self.rfile.read(int(headers[b"content-length"]))
            self.server.messages.append((headers, body))
            self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")
