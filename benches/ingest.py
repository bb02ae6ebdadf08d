"""Records in over HTTP against COPY of the same rows into the same table with the same indexes."""

import concurrent.futures
import pathlib
import statistics
import tempfile
import time

from stage import processor_time

LINES, CALLS = 25_000, 4


def run(bench):
    server, lethe, say = bench.server, bench.lethe, bench.say
    rows = LINES * CALLS
    say.head(f"Ingest over HTTP: {rows:,} interactions in {CALLS} calls at once; {bench.rounds} rounds, medians")
    bodies = sample(lethe)
    over_http, by_copy, processor = [], [], []
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        for _ in range(bench.rounds):
            server.create("ingested")
            lethe.use(server.url("ingested"))
            with lethe.serve() as running:
                token = lethe.token("integration")
                seconds, used = server.measured(lambda: ingest(running, token, bodies))
                over_http.append(seconds)
                own, memory = processor_time(running.process.pid), running.memory()
            seconds, copying = copy(server, pathlib.Path(folder) / "rows")
            by_copy.append(seconds)
            processor.append([time / rows * 1e6 for time in (copying, used, own)])
    http, copied = statistics.median(over_http), statistics.median(by_copy)
    [identifiers] = server.sql("ingested", "SELECT count(*) FROM vault.identifiers")
    [mentions] = server.sql("ingested", "SELECT count(*) FROM mentions")
    say.line("COPY", f"{rows / copied:,.0f} rows/s", f"{copied:.2f} s", f"{min(by_copy):.2f}–{max(by_copy):.2f} s")
    say.line("over HTTP", f"{rows / http:,.0f} rows/s", f"{http:.2f} s", f"{min(over_http):.2f}–{max(over_http):.2f} s")
    copying, used, own = map(statistics.median, zip(*processor))
    say.line("processor time a row: COPY, server, Lethe", f"{copying:.0f} µs", f"{used:.0f} µs", f"{own:.0f} µs")
    say.line("made beside them", f"{int(identifiers):,} identifiers", f"{int(mentions):,} mentions")
    say.line("memory of Lethe afterwards", f"{memory:.1f} MiB")
    say.ratio("ingest against COPY", copied / http, ">=", 0.5)
    server.drop("ingested")


def sample(lethe):
    lines = lethe.run("sample", "--interactions", str(LINES * CALLS), "--days", "30").encode().splitlines(True)
    return [b"".join(lines[part * LINES : (part + 1) * LINES]) for part in range(CALLS)]


def ingest(running, token, bodies):
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CALLS) as pool:
        send = lambda body: running.call("/archive/interactions", body, token, "application/x-ndjson")
        answers = list(pool.map(send, bodies))
    seconds = time.monotonic() - began
    if any(answer["created"] != LINES for answer in answers):
        raise RuntimeError("not every record was created")
    return seconds


def copy(server, file):
    """Seconds of a COPY of the rows into the emptied table, and of the processor."""
    with file.open("w") as out:
        out.write("\n".join(server.sql("ingested", "COPY (SELECT * FROM interactions ORDER BY id) TO STDOUT")) + "\n")
    server.sql("ingested", "TRUNCATE interactions; CHECKPOINT")
    with file.open() as rows:
        return server.measured(lambda: server.timed("ingested", "COPY interactions FROM STDIN", rows))
