"""The audit log: rows are sealed, exported, and verified, in the database and offline."""

import http.client
import os
import pathlib
import shutil
import sqlite3
import tempfile
import time
import uuid

EVENTS, RECORDS, EVERY = 500_000, 10, 10

INSERT = """INSERT INTO audit_events (tenant_id, id, at, actor_id, action, outcome, purpose, records, detail, digests)
VALUES (?, ?, ?, ?, ?, 'allowed', ?, ?, ?, ?)"""


def run(bench):
    lethe, say = bench.lethe, bench.say
    say.head(f"An audit log of {EVENTS:,} rows, every tenth with the digests of {RECORDS} records")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lethe-bench-audit-"))
    settings = {"LETHE_DATA_DIR": str(folder), "LETHE_DATABASE__URL": f"sqlite:{folder / 'archive.db'}"}
    lethe.run("tenant", "list", settings=settings)
    fill(folder / "archive.db")
    sealing = timed(lambda: lethe.run("job", "nightly", settings=settings))
    online = timed(lambda: lethe.run("audit", "verify", settings=settings))
    (folder / "key").write_text(lethe.run("audit", "key", settings=settings))
    exporting = timed(lambda: export(lethe, settings, folder / "export.ndjson"))
    command = ["audit", "verify", "--export", folder / "export.ndjson", "--keys", folder / "key"]
    offline = min(timed(lambda: lethe.run(*map(str, command))) for _ in range(bench.rounds))
    size = os.path.getsize(folder / "export.ndjson")
    say.line("rows a second: sealed, exported, verified", *(f"{EVENTS / took:,.0f}" for took in (sealing, exporting, online)))
    say.line("bytes of an exported row", f"{size / EVENTS:,.0f}")
    shutil.rmtree(folder)
    say.ratio("rows verified offline a second", EVENTS / offline, ">=", 200_000)


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def fill(file):
    """Writes rows as calls write them, without the calls."""
    database = sqlite3.connect(file)
    [(tenant,)] = database.execute("SELECT tenant_id FROM tenants")
    # An id that begins with zeros commits to no name.
    actor = bytes(4) + os.urandom(12)
    database.execute("INSERT INTO actors (tenant_id, id, sub, name, salt) VALUES (?, ?, 'kari', 'kari', ?)",
                     (tenant, actor, os.urandom(16)))
    searched = '{"target":"archive","view":"identified","by":["phone_number"],"record_ids":[]}'
    ingested = '{"target":"archive","created":812,"updated":188}'

    def row(no):
        second, micros = divmod(no, 1_000_000)
        at = f"2026-01-01T00:00:{second:02}.{micros:06}+00:00"
        own = (uuid.uuid4().bytes, at, actor)
        if no % EVERY:
            return (tenant, *own, "archive.ingested", None, 1_000, ingested, b"")
        return (tenant, *own, "archive.searched", "case 118", RECORDS, searched, os.urandom(32 * RECORDS))

    database.executemany(INSERT, map(row, range(EVENTS)))
    # The bench writes digests without the ids, as if all of these records were forgotten.
    database.execute(INSERT, (tenant, uuid.uuid4().bytes, "2026-01-01T00:00:59.000000+00:00", actor, "audit.unlinked",
                              None, EVENTS // EVERY * RECORDS, "{}", b""))
    database.commit()
    database.close()


def export(lethe, settings, file):
    lethe.settings, usual = {**lethe.settings, **settings}, lethe.settings
    try:
        token = lethe.token("dpo")
        with lethe.serve() as running, file.open("wb") as lines:
            connection = http.client.HTTPConnection("127.0.0.1", running.port)
            connection.request("GET", "/api/v1/audit-events/export", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            while piece := answer.read(1 << 20):
                lines.write(piece)
    finally:
        lethe.settings = usual
