"""Data that leaves: copies for customers, spreadsheets of requests, and the probe of suppressions."""

import concurrent.futures
import contextlib
import csv
import datetime
import http.client
import io
import json
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time
import zipfile

from stage import Lethe, memory, processor_time, watch_peak

# Customers: a word, a number, and how many records they have. The other records of the archive are other people's.
MANY, FEW, RECORDED = ("many", "+4791234567", 70_000), ("few", "+4791234568", 7_000), ("recorded", "+4791234569", 5_000)
INTERACTIONS = 100_000
RECORDING, SENDERS = 64 << 10, 4

REQUESTS, ITEMS, CALLS = 5_000, 1_000, 20
SECONDS = 2
UNTIL = datetime.date.today() - datetime.timedelta(days=2)


def run(bench):
    """Copies of customers against COPY of the same rows, and the memory of the processes that make them."""
    server, say = bench.server, bench.say
    say.head(f"Copy of a customer with {MANY[2]:,} records, against COPY of the rows; {bench.rounds} rounds, medians")
    # The files are in memory, so that work is compared, and not the speed of the disk.
    in_memory = pathlib.Path("/dev/shm")
    parent = in_memory if in_memory.exists() else None
    with fresh(bench, "exported") as lethe, tempfile.TemporaryDirectory(prefix="lethe-bench-", dir=parent) as folder:
        lethe.run("import", str(records(lethe, pathlib.Path(folder))))
        server.sql("exported", "VACUUM ANALYZE")
        customer = Customers(lethe, pathlib.Path(folder) / "copy.zip")
        with lethe.serve() as running:
            running.await_ready()
            orders = {name: customer.order(running, number) for name, number, _ in [MANY, FEW, RECORDED]}
        compare_copies(bench, lethe, customer, orders)
        with_recordings(bench, lethe, customer, orders["recorded"])


def compare_copies(bench, lethe, customer, orders):
    """A small and a large copy over HTTP and by the command, each by a process of its own, and COPY, in turn."""
    server, say = bench.server, bench.say
    name, _, rows = MANY
    first = f"SELECT phone_id FROM interactions WHERE external_id = '{name}-0'"
    copied, measured = [], {name: [] for name, *_ in [FEW, MANY]}
    for _ in range(bench.rounds):
        statement = f"\\copy (SELECT * FROM interactions WHERE phone_id = ({first})) TO '/dev/null'"
        copied.append(server.timed("exported", statement))
        for who, _, count in [FEW, MANY]:
            measured[who].append(copy_twice(server, lethe, customer, orders[who]))
            sizes = customer.check(count)
    by_copy = statistics.median(copied)
    http, command, *processor, idle, served, commanded = map(statistics.median, zip(*measured[name]))
    few_http, *_, few_served, few_commanded = map(statistics.median, zip(*measured["few"]))
    say.line("COPY (SELECT …) TO STDOUT", f"{rows / by_copy:,.0f} rows/s", f"{by_copy:.2f} s")
    say.line("download", f"{rows / http:,.0f} rows/s", f"{http:.2f} s")
    say.line(f"  with {FEW[2]:,} records", f"{FEW[2] / few_http:,.0f} rows/s", f"{few_http:.2f} s")
    say.line("lethe export", f"{rows / command:,.0f} rows/s", f"{command:.2f} s")
    say.line("processor time a row: server, Lethe", *(f"{one / rows * 1e6:.0f} µs" for one in processor))
    for file in ["data.json", "interactions.csv", "index.html"]:
        say.line(f"  {file}", f"{sizes[file] / 1e6:,.1f} MB")
    say.line("serve, peak: ready, small copy, large copy", *(f"{one:.0f} MiB" for one in [idle, few_served, served]))
    say.line("lethe export, peak: small copy, large copy", *(f"{one:.0f} MiB" for one in [few_commanded, commanded]))
    say.ratio("download, of COPY's rows/s", by_copy / http, ">=", 0.3)
    say.ratio("lethe export, of COPY's rows/s", by_copy / command, ">=", 0.3)
    for words, small, large in [("serve", few_served, served), ("lethe export", few_commanded, commanded)]:
        say.ratio(f"{words}, MiB more for the large copy", large - small, "<=", round(max(16, small / 4), 1))


def copy_twice(server, lethe, customer, order):
    """A copy over HTTP, and one by the command.

    Returns the seconds of both, the processor time of the server and of Lethe, and three peaks of memory.
    """
    with lethe.serve() as running:
        running.await_ready()
        pid = running.process.pid
        idle, before = memory(pid, "VmHWM"), processor_time(pid)
        http, used = server.measured(lambda: customer.download(running, order))
        own, served = processor_time(pid) - before, memory(pid, "VmHWM")
    command, commanded = customer.command(order)
    return http, command, used, own, idle, served, commanded


def with_recordings(bench, lethe, customer, order):
    """A copy with thousands of recordings."""
    server, say = bench.server, bench.say
    name, _, count = RECORDED
    with lethe.serve() as running:
        running.await_ready()
        ids = server.sql("exported", f"SELECT id FROM interactions WHERE external_id LIKE '{name}-%'")
        uploading = timed(lambda: upload(running, lethe.token("integration"), ids))
        before = memory(running.process.pid, "VmHWM")
        seconds = customer.download(running, order)
        peak = memory(running.process.pid, "VmHWM")
    sizes = customer.check(count, count)
    size = customer.file.stat().st_size
    commanded, command_peak = customer.command(order)
    say.line(f"{count:,} uploads of {RECORDING >> 10} KiB", f"{count / uploading:,.0f} /s")
    say.line(f"copy with {count:,} recordings, {size / 1e6:,.0f} MB", f"{seconds:.2f} s",
             f"{size / 1e6 / seconds:,.0f} MB/s", f"{count / seconds:,.0f} /s")
    say.line("  by lethe export", f"{commanded:.2f} s", f"{command_peak:.0f} MiB")
    say.line("  serve, peak before and after", f"{before:.0f} MiB", f"{peak:.0f} MiB")
    say.line("  manifest", f"{sizes['manifest.json'] / 1e6:,.1f} MB")
    say.ratio("recordings in the copy", sum(one.startswith("recordings/") for one in sizes), ">=", count)


def records(lethe, folder):
    """Writes a file of interactions. Returns its path."""
    lines = lethe.run("sample", "--interactions", str(INTERACTIONS), "--days", "30").splitlines()
    owners = [(name, number, no) for name, number, count in [MANY, FEW, RECORDED] for no in range(count)]
    file = folder / "records.ndjson"
    with file.open("w") as out:
        for line, (name, number, no) in zip(lines, owners):
            record = json.loads(line)
            record["external_id"] = f"{name}-{no}"
            record["customer"] = {"phone_number": number, "email": None, "name": "Kari Nordmann"}
            out.write(json.dumps(record) + "\n")
        out.writelines(line + "\n" for line in lines[len(owners):])
    return file


def upload(running, token, ids):
    """Uploads a recording for each interaction."""
    sound = b"RIFF" + bytes(range(256)) * (RECORDING // 256)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "audio/wav"}

    def send(some):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        for one in some:
            connection.request("POST", f"/api/v1/archive/interactions/{one}/content?kind=recording", sound, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 201:
                raise RuntimeError(f"an upload answered {answer.status}: {said.decode()}")
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, [ids[no::SENDERS] for no in range(SENDERS)]))


class Customers:
    """Orders copies of customers, and downloads them into a file."""

    def __init__(self, lethe, file):
        self.lethe, self.file = lethe, file
        self.officer = lethe.run("token", "--roles", "dpo", "--user", "kari").strip()
        self.other = lethe.run("token", "--roles", "dpo", "--user", "ingrid").strip()

    def order(self, running, number):
        """Orders a copy, which another user approves. Returns its id."""
        seen = [{"method": "call_back", "by": "Ingrid", "on": str(UNTIL)}]
        order = {"phone_number": number, "purpose": "access request", "attestations": seen}
        no = running.call("/access-exports", order, self.officer)["id"]
        running.call(f"/access-exports/{no}/approve", b"", self.other)
        return no

    def download(self, running, order):
        """Returns the seconds of a download."""
        url = running.call(f"/access-exports/{order}/ticket", b"", self.officer)["url"]
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        connection.request("GET", url)
        answer = connection.getresponse()
        with self.file.open("wb") as file:
            while piece := answer.read(1 << 18):
                file.write(piece)
        seconds = time.monotonic() - began
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the download answered {answer.status}")
        return seconds

    def command(self, order):
        """Returns the seconds of `lethe export`, and the peak of its memory in MiB."""
        self.file.unlink(missing_ok=True)
        began = time.monotonic()
        process = self.lethe.start("export", "--id", order, "--to", str(self.file), stderr=subprocess.PIPE)
        peak = [0.0]
        watching = threading.Thread(target=watch_peak, args=(process, peak))
        watching.start()
        _, complained = process.communicate()
        seconds = time.monotonic() - began
        watching.join()
        if process.returncode:
            raise RuntimeError(f"lethe export ended with {process.returncode}: {complained}")
        return seconds, peak[0]

    def check(self, rows, recordings=0):
        """Reads the copy. Returns the sizes of its files."""
        with zipfile.ZipFile(self.file) as copy:
            sizes = {one.filename: one.file_size for one in copy.infolist()}
            found = sum(1 for _ in csv.reader(io.TextIOWrapper(copy.open("interactions.csv"), "utf-8"))) - 1
            listed = len(json.load(copy.open("data.json"))["interactions"])
        heard = sum(one.startswith("recordings/") for one in sizes)
        if (found, listed, heard) != (rows, rows, recordings):
            raise RuntimeError(f"the copy has {found} and {listed} records and {heard} recordings")
        return sizes


def requests(bench):
    """Requests by spreadsheet, and the probe for their customers."""
    server, say = bench.server, bench.say
    say.head(f"Spreadsheets of {REQUESTS:,} requests, and the probe of suppressions; {bench.rounds} rounds, medians")
    taken, rates = [], []
    for _ in range(bench.rounds):
        with fresh(bench, "requested") as lethe:
            with lethe.serve() as running:
                running.await_ready()
                taken.append(spreadsheets(server, lethe, running))
            nightly = timed(lambda: lethe.run("job", "nightly"))
            server.sql("requested", "VACUUM ANALYZE")
            with lethe.serve() as running:
                running.await_ready()
                rates.append(probes(lethe, running))
    dry, entered, used, own, listed, size = map(statistics.median, zip(*taken))
    alone, together = map(statistics.median, zip(*rates))
    say.line("import: dry run, entered", f"{dry:.2f} s", f"{entered:.2f} s")
    say.line("  processor time: server, Lethe", f"{used:.2f} s", f"{own:.2f} s")
    say.line("export", f"{listed:.2f} s", f"{size / 1e6:.1f} MB")
    say.line("the pass that forgets them", f"{nightly:.2f} s")
    say.line(f"items checked a second by {SENDERS} callers", f"{together:,.0f}")
    say.ratio(f"seconds to import {REQUESTS:,} requests", entered, "<=", SECONDS)
    say.ratio(f"seconds to export {REQUESTS:,} requests", listed, "<=", SECONDS)
    say.ratio("items checked a second by one caller", alone, ">=", 5_000)


def spreadsheets(server, lethe, running):
    """Seconds of a dry run and an import, its processor time, and the seconds and bytes of the list."""
    token, pid = lethe.token("dpo"), running.process.pid
    enter = lambda query: running.call(f"/anonymize-requests/import{query}", spreadsheet(), token, "text/csv")
    dry = timed(lambda: enter("?dry_run=true"))
    before = processor_time(pid)
    entered, used = server.measured(lambda: timed(lambda: enter("")))
    own, began = processor_time(pid) - before, time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    connection.request("GET", "/api/v1/anonymize-requests",
                       headers={"Authorization": f"Bearer {token}", "Accept": "text/csv"})
    said = connection.getresponse().read().decode()
    listed = time.monotonic() - began
    connection.close()
    if (found := sum(1 for _ in csv.reader(io.StringIO(said))) - 1) != REQUESTS:
        raise RuntimeError(f"the list has {found} requests")
    return dry, entered, used, own, listed, len(said.encode())


def probes(lethe, running):
    """Items a second, by one caller and by several at once. Half of the customers were forgotten."""
    at = f"{UNTIL - datetime.timedelta(days=30)}T09:00:00Z"
    # Each subject may check 100,000 items a day.
    tokens = [lethe.run("token", "--roles", "integration", "--user", f"system-{no}").strip() for no in range(SENDERS)]

    def check(token):
        for call in range(CALLS):
            numbers = range(call * ITEMS // 2, (call + 1) * ITEMS // 2)
            known = [{**identifier(no % REQUESTS), "at": at} for no in numbers]
            other = [{**identifier(REQUESTS + no), "at": at} for no in numbers]
            answer = running.call("/suppressions/check", {"items": known + other}, token)
            if [item["suppressed"] for item in answer["items"]] != [True] * len(known) + [False] * len(other):
                raise RuntimeError("an item is answered wrongly")

    alone = timed(lambda: check(tokens[0]))
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        together = timed(lambda: list(pool.map(check, tokens)))
    return CALLS * ITEMS / alone, SENDERS * CALLS * ITEMS / together


def spreadsheet():
    """As many requests as an import may have, of numbers and addresses in turn."""
    rows = ["phone_number,email,to_date,comment,targets"]
    for no in range(REQUESTS):
        one = identifier(no)
        number, address = one.get("phone_number", ""), one.get("email", "")
        rows.append(f"{number},{address},{UNTIL},case {no},archive|raw_data")
    return ("\n".join(rows) + "\n").encode()


def identifier(no):
    return {"email": f"customer{no}@example.net"} if no % 2 else {"phone_number": f"+47{90_000_000 + no}"}


def timed(work):
    """Seconds of some work."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextlib.contextmanager
def fresh(bench, database):
    """A Lethe with an empty database, and keys and a journal of its own. Its server sends no messages."""
    bench.server.create(database)
    lethe = Lethe(bench.program, bench.server.url(database))
    lethe.settings["LETHE_DELIVERY__SERVE"] = "false"
    try:
        yield lethe
    finally:
        lethe.close()
        bench.server.drop(database)
