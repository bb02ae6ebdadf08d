"""Records in over HTTP against COPY of the same rows into the same table with the same indexes."""

import concurrent.futures
import pathlib
import statistics
import tempfile
import time

LINES, CALLS = 50_000, 2


def run(bench):
    server, lethe, say = bench.server, bench.lethe, bench.say
    rows = LINES * CALLS
    say.head(f"Ingest over HTTP: {rows:,} interactions in {CALLS} calls at once; {bench.rounds} rounds, medians")
    bodies = sample(lethe)
    over_http, by_copy = [], []
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        for _ in range(bench.rounds):
            server.create("ingested")
            lethe.use(server.url("ingested"))
            with lethe.serve() as running:
                over_http.append(ingest(running, lethe.token("integration"), bodies))
                memory = running.memory()
            by_copy.append(copy(server, pathlib.Path(folder) / "rows"))
    http, copied = statistics.median(over_http), statistics.median(by_copy)
    identifiers, mentions = server.sql("ingested", "SELECT count(*) FROM vault.identifiers UNION ALL SELECT count(*) FROM mentions")
    say.line("COPY", f"{rows / copied:,.0f} rows/s", f"{copied:.2f} s", f"{min(by_copy):.2f}–{max(by_copy):.2f} s")
    say.line("over HTTP", f"{rows / http:,.0f} rows/s", f"{http:.2f} s", f"{min(over_http):.2f}–{max(over_http):.2f} s")
    say.line("made beside them", f"{int(identifiers):,} identifiers", f"{int(mentions):,} mentions")
    say.line("memory of the server afterwards", f"{memory:.1f} MiB")
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
    """Seconds of a COPY of the rows into the emptied table."""
    with file.open("w") as out:
        out.write("\n".join(server.sql("ingested", "COPY (SELECT * FROM interactions ORDER BY id) TO STDOUT")) + "\n")
    server.sql("ingested", "TRUNCATE interactions; CHECKPOINT")
    with file.open() as rows:
        return server.timed("ingested", "COPY interactions FROM STDIN", rows)
