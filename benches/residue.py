"""The residue scan against pg_dump and against ingest, and the rotation of a tenant's key against a bare UPDATE."""

import datetime
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import callers
import ingest
from cuts import spread
from proof import copied, observed
from stage import Lethe, processor_time

# The nights in which the scan reads the whole archive once.
NIGHTS = 30

# Each customer has a number, an address, and a name.
CUSTOMERS, KINDS = 80_000, 3

# All records are from before what a night takes as changed.
AGED = """
DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'changed_at'
    LOOP EXECUTE format('UPDATE %I SET changed_at = changed_at - interval ''30 days''', t); END LOOP;
END $$
"""


def residue(bench):
    """A scan of the whole archive against pg_dump, and a night's scan against ingest of the same records."""
    server, say, rounds = bench.server, bench.say, bench.rounds
    records = ingest.LINES * ingest.CALLS
    say.head(f"The residue scan of {records:,} interactions; {rounds} rounds, medians; {callers.load()}")
    server.create("scanned")
    lethe = Lethe(bench.program, server.url("scanned"))
    ingested = ingest_all(server, lethe)
    say.line("processor time of ingest: server, Lethe", *(f"{used:.2f} s" for used in ingested))
    server.sql("scanned", "VACUUM (FREEZE, ANALYZE)")
    whole = scan_whole(bench, lethe)
    new, part, rows = scan_at_night(bench, lethe)
    each = sum(whole) / records * 1e6
    say.line("µs of processor time a record: ingest, a scan", f"{sum(ingested) / records * 1e6:.1f} µs", f"{each:.1f} µs")
    say.line("a night's scan of the new records", f"{new:.2f} s", f"{100 * new / sum(ingested):.1f} % of ingest")
    say.line(f"a night's scan of {rows:,} rows of the rest", f"{part:.2f} s", f"{part / max(rows, 1) * 1e6:.1f} µs a row")
    say.ratio("scan of the new records, % of ingest", 100 * new / sum(ingested), "<=", 5)
    say.ratio(f"scan of a {NIGHTS}th of an archive, % of its ingest", 100 * sum(whole) / NIGHTS / sum(ingested), "<=", 5)
    lethe.close()
    server.drop("scanned")


def ingest_all(server, lethe):
    """Sends the records over HTTP; answers processor time of the server and of Lethe."""
    bodies = ingest.sample(lethe)
    with lethe.serve() as running:
        running.await_ready()
        token, own = lethe.token("integration"), processor_time(running.process.pid)
        _, served = server.measured(lambda: ingest.ingest(running, token, bodies))
        return served, processor_time(running.process.pid) - own


def scan_whole(bench, lethe):
    """The whole archive; answers processor time of the server and of the scan."""
    server, say = bench.server, bench.say
    dumping, scanning, files, used, dump_cpu = [], [], [], [], []
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        file = pathlib.Path(folder) / "dump"
        for _ in range(bench.rounds):
            (size, seconds), served = server.measured(lambda: dump(server))
            dumping.append(seconds)
            dump_cpu.append(served)
            report, seconds, times = scan(server, lethe, "--full")
            scanning.append(seconds)
            used.append(times)
        with file.open("wb") as out:
            subprocess.run([*server.command("pg_dump", "scanned"), "-N", "vault"], check=True, stdout=out)
        for _ in range(bench.rounds):
            files.append(scan(server, lethe, "--file", str(file))[1])
    if report["residue"] or report["exposed"] or report["unclassified"]:
        raise RuntimeError(f"the scan has found something: {report}")
    searched = report["bytes"]
    dumped, scanned, in_file = map(statistics.median, (dumping, scanning, files))
    served, own = (statistics.median(one) for one in zip(*used))
    say.line("pg_dump | wc -c", f"{size / 1e6:.1f} MB", f"{dumped:.2f} s", f"{size / dumped / 1e6:.1f} MB/s",
             f"server {statistics.median(dump_cpu):.2f} s")
    say.line("lethe scan --full", f"{searched / 1e6:.1f} MB", f"{scanned:.2f} s", f"{searched / scanned / 1e6:.1f} MB/s",
             spread(scanning))
    say.line("  rows; processor time: server, Lethe", f"{report['rows']:,}", f"{served:.2f} s", f"{own:.2f} s")
    say.line("lethe scan --file of the dump", f"{size / 1e6:.1f} MB", f"{in_file:.2f} s", f"{size / in_file / 1e6:.1f} MB/s",
             spread(files))
    say.line("the database scanned, of the time of pg_dump", f"{dumped / scanned:.2f}")
    say.line("the dump scanned as a file, of pg_dump's MB/s", f"{dumped / in_file:.2f}")
    say.ratio("searched MB/s, of pg_dump's MB/s", searched / scanned / (size / dumped), ">=", 0.3)
    return served, own


def dump(server):
    """Answers the bytes of a dump of the archive, and the seconds."""
    began = time.monotonic()
    dumping = subprocess.Popen([*server.command("pg_dump", "scanned"), "-N", "vault"], stdout=subprocess.PIPE)
    counted = subprocess.run(["wc", "-c"], stdin=dumping.stdout, capture_output=True, text=True, check=True)
    dumping.stdout.close()
    if dumping.wait():
        raise RuntimeError("pg_dump failed")
    return int(counted.stdout), time.monotonic() - began


def scan(server, lethe, *arguments):
    """Answers the report, the seconds, and processor time of the server and of the scan."""
    began, served = time.monotonic(), server.cpu()
    process = lethe.start("scan", "--json", *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said = process.stdout.read()
    own = processor_time(process.pid)
    process.wait()
    seconds = time.monotonic() - began
    time.sleep(0.2)
    return json.loads(said.splitlines()[-1]), seconds, (server.cpu() - served, own)


def scan_at_night(bench, lethe):
    """What a scan adds to a job: seconds of processor time for new records and for the part of the rest, and its rows."""
    server = bench.server
    used = {(is_new, is_on): [] for is_new in (True, False) for is_on in (True, False)}
    for _ in range(bench.rounds):
        for is_new, is_on in used:
            server.create("night", "scanned")
            if not is_new:
                server.sql("night", AGED)
                server.sql("night", "VACUUM (FREEZE, ANALYZE)")
            server.sql("night", "CHECKPOINT")
            with copied(lethe, server.url("night"), LETHE_SCAN__NIGHTLY=str(is_on).lower()) as twin:
                report, _, times = observed(server, twin, "job", "nightly")
            used[is_new, is_on].append((sum(times), report["scan"]["rows"]))
    server.drop("night")
    middle = {key: statistics.median(seconds for seconds, _ in all) for key, all in used.items()}
    with_new, part = (middle[is_new, True] - middle[is_new, False] for is_new in (True, False))
    return with_new - part, part, used[False, True][0][1]


def rotation(bench):
    """The nightly job seals all values under a new version of the tenant's key."""
    server, say, rounds = bench.server, bench.say, bench.rounds
    say.head(f"Sealing {CUSTOMERS * KINDS:,} identifiers again after a rotation; {rounds} rounds, medians; {callers.load()}")
    server.create("rotated")
    lethe = Lethe(bench.program, server.url("rotated"))
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        file = pathlib.Path(folder) / "customers.ndjson"
        file.write_text("".join(json.dumps(customer(no)) + "\n" for no in range(CUSTOMERS)))
        lethe.run("import", str(file))
    server.sql("rotated", "VACUUM (FREEZE, ANALYZE)")
    [count] = map(int, server.sql("rotated", "SELECT count(*) FROM vault.identifiers"))
    server.create("rotated_hand", "rotated")
    nights, hands, processor = [], [], []
    for version in range(2, rounds + 2):
        server.sql("rotated_hand", "CHECKPOINT")
        by_hand = f"UPDATE vault.identifiers SET sealed = sealed || ''::bytea, key_version = {version}"
        seconds, direct = server.measured(lambda: server.timed("rotated_hand", by_hand))
        hands.append(seconds)
        lethe.run("keys", "rotate")
        server.sql("rotated", "CHECKPOINT")
        report, parts, times = observed(server, lethe, "job", "nightly", "--as-of", now())
        if report["resealed"] != count:
            raise RuntimeError(f"{report['resealed']} of {count} identifiers were sealed again")
        nights.append(parts["reseal"])
        processor.append((direct, *times))
        server.sql("rotated", "VACUUM (FREEZE, ANALYZE)")
        server.sql("rotated_hand", "VACUUM (FREEZE, ANALYZE)")
    hand, night = statistics.median(hands), statistics.median(nights)
    say.line("one UPDATE in psql", f"{count / hand:,.0f} rows/s", f"{hand:.2f} s", spread(hands))
    say.line("the step of the job", f"{count / night:,.0f} rows/s", f"{night:.2f} s", spread(nights))
    say.line("processor time: psql; server, job", *(f"{statistics.median(one):.2f} s" for one in zip(*processor)))
    say.line("of psql's rows/s", f"{hand / night:.2f}")
    say.ratio("identifiers sealed again a second", count / night, ">=", 20_000)
    lethe.close()
    server.drop("rotated")
    server.drop("rotated_hand")


def customer(no):
    name = f"Kari{no} Nordmann{no * 7919 % CUSTOMERS}"
    return {"external_id": f"customer-{no:06}", "channel": "call", "started_at": "2026-01-01T10:00:00Z",
            "customer": {"phone_number": f"+47{90_000_000 + no}", "email": f"kari.{no}@example.no", "name": name}}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()
