"""Searches by number over HTTP against pgbench running the same statements."""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from stage import processor_time

INTERACTIONS, CUSTOMERS, CLIENTS, SECONDS = 200_000, 100, 8, 10

# What one search by number runs, in its order: the tenant, the vault's index, a page and one more, the mentions in
# its texts, the audit row with the ids of its records, a transaction of its own, and the identifiers that the page
# shows. The vault's statements go over a connection of their own there; here one does both. Every twentieth time another customer is searched for.
SCRIPT = r"""
\set turn (:turn + 1) % 20
\if :turn = 1
\set customer random(1, {customers})
SELECT tenant, phone, hash, mentioning, shown, recorded, detail FROM bench_pages WHERE no = :customer
\gset
\endif
SELECT tenant_id, slug, region, time_zone, targets, settings, version FROM tenants WHERE tenant_id = :tenant::uuid;
SELECT id, index_hash, retired FROM vault.identifiers WHERE tenant_id = :tenant::uuid AND index_hash = ANY(:hash::bytea[]);
SELECT id, external_id, at, phone_id, email_id, name_id, forgotten, ended_at, channel, direction, queue, agent_id, outcome, attributes FROM interactions WHERE tenant_id = :tenant::uuid AND phone_id = :phone::uuid ORDER BY at DESC, id DESC LIMIT 51;
SELECT record_id, n, kind, identifier_id FROM mentions WHERE tenant_id = :tenant::uuid AND target = 1 AND record_id = ANY(:mentioning::uuid[]) ORDER BY record_id, n;
BEGIN;
SELECT id FROM actors WHERE tenant_id = :tenant::uuid AND sub = 'developer' AND name = 'developer';
INSERT INTO audit_records (tenant_id, event_id, record_id, salt) SELECT :tenant::uuid, gen_random_uuid(), r, gen_random_uuid() FROM unnest(:recorded::uuid[]) r;
INSERT INTO audit_events (tenant_id, id, at, actor_id, action, outcome, purpose, records, detail, digests) VALUES (:tenant::uuid, gen_random_uuid(), '2026-01-01', :tenant::uuid, 'archive.searched', 'allowed', NULL, 50, :detail, decode(repeat('00', 1600), 'hex'));
COMMIT;
SELECT id, kind, sealed, key_version FROM vault.identifiers WHERE tenant_id = :tenant::uuid AND id = ANY(:shown::uuid[]);
"""

# For each customer: what the statements are given.
PAGES = """
CREATE TABLE bench_pages AS
WITH customer AS (
    SELECT phone_id FROM interactions WHERE external_id LIKE 'vip-%' GROUP BY phone_id),
page AS (
    SELECT c.phone_id, p.* FROM customer c CROSS JOIN LATERAL (
        SELECT id, phone_id AS phone, email_id AS email, name_id AS name, attributes FROM interactions r
        WHERE r.phone_id = c.phone_id ORDER BY at DESC, id DESC LIMIT 50) p),
shown AS (
    SELECT phone_id, unnest(ARRAY[phone, email, name]) AS id FROM page
    UNION SELECT p.phone_id, m.identifier_id FROM page p JOIN mentions m ON m.target = 1 AND m.record_id = p.id)
SELECT row_number() OVER () AS no, (SELECT tenant_id FROM tenants WHERE slug = 'demo') AS tenant, phone_id AS phone,
    (SELECT ARRAY[index_hash]::text FROM vault.identifiers WHERE id = c.phone_id) AS hash,
    (SELECT '{' || coalesce(string_agg(id::text, ','), '') || '}' FROM page p
        WHERE p.phone_id = c.phone_id AND attributes LIKE '%' || U&'\\E000' || '%') AS mentioning,
    (SELECT '{' || string_agg(DISTINCT id::text, ',') || '}' FROM shown s WHERE s.phone_id = c.phone_id) AS shown,
    (SELECT json_build_object('by', json_build_array('phone_number'), 'target', 'archive', 'view', 'identified',
        'record_ids', json_build_array())::text) AS detail,
    (SELECT '{' || string_agg(id::text, ',') || '}' FROM page p WHERE p.phone_id = c.phone_id) AS recorded
FROM customer c
"""

def run(bench):
    server, lethe, say = bench.server, bench.lethe, bench.say
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    say.head(f"Search by number, pages of 50, {CLIENTS} clients; {bench.rounds} rounds of {SECONDS} s, medians")
    server.create("searched")
    lethe.use(server.url("searched"))
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        folder = pathlib.Path(folder)
        numbers = load(lethe, folder)
        server.sql("searched", PAGES)
        server.sql("searched", "ALTER TABLE bench_pages ADD PRIMARY KEY (no)")
        server.sql("searched", "VACUUM (FREEZE, ANALYZE)")
        (folder / "search.sql").write_text(SCRIPT.format(customers=CUSTOMERS))
        over_http, directly, processor = [], [], []
        with lethe.serve() as running:
            token = lethe.token("dpo")
            check(running, token, numbers)
            for _ in range(bench.rounds):
                (rate, slow), direct = server.measured(lambda: pgbench(server, folder))
                directly.append((rate, slow))
                own = processor_time(running.process.pid)
                (http_rate, slow), served = server.measured(lambda: wrk(running, folder, token, numbers))
                over_http.append((http_rate, slow))
                own = processor_time(running.process.pid) - own
                calls = rate * SECONDS, http_rate * SECONDS, http_rate * SECONDS
                processor.append([time / of * 1e6 for time, of in zip((direct, served, own), calls)])
            memory = running.memory()
    for name, rounds in [("pgbench, the same statements", directly), ("over HTTP", over_http)]:
        rates, slow = zip(*rounds)
        say.line(name, f"{statistics.median(rates):,.0f} /s", f"p99 {statistics.median(slow):.2f} ms",
                 f"{min(rates):,.0f}–{max(rates):,.0f} /s")
    direct, served, own = map(statistics.median, zip(*processor))
    say.line("processor time a search: pgbench, server, Lethe", f"{direct:.0f} µs", f"{served:.0f} µs", f"{own:.0f} µs")
    say.line("memory of Lethe afterwards", f"{memory:.1f} MiB")
    (rates, slow), (http_rates, http_slow) = zip(*directly), zip(*over_http)
    say.ratio("searches against pgbench", statistics.median(http_rates) / statistics.median(rates), ">=", 0.6)
    say.ratio("p99 against pgbench", statistics.median(http_slow) / statistics.median(slow), "<=", 2)
    server.drop("searched")


def load(lethe, folder):
    """Imports a sample in which every tenth record is of one of a hundred customers; answers their numbers."""
    numbers = [f"+47{91_000_000 + no}" for no in range(CUSTOMERS)]
    sample = lethe.start("sample", "--interactions", str(INTERACTIONS), "--days", "30", stdout=subprocess.PIPE)
    with (folder / "calls.ndjson").open("w") as lines:
        for no, line in enumerate(sample.stdout):
            record = json.loads(line)
            if no % 10 == 0:
                record["external_id"] = f"vip-{no}"
                record["customer"] = {"phone_number": numbers[no // 10 % CUSTOMERS], "name": "Kari Nordmann"}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    sample.wait()
    lethe.run("import", str(folder / "calls.ndjson"))
    (folder / "numbers").write_text("\n".join(numbers) + "\n")
    return numbers


def check(running, token, numbers):
    page = running.call("/archive/search", {"phone_number": numbers[0], "limit": 50}, token)
    customers = {item["customer"]["phone_number"] for item in page["items"]}
    if len(page["items"]) != 50 or customers != {numbers[0]} or not page["next_cursor"]:
        raise RuntimeError("a search does not answer a full page")


def pgbench(server, folder):
    """Answers searches a second and the 99th percentile in ms."""
    for old in folder.glob("log.*"):
        old.unlink()
    command = [*server.command("pgbench", "searched"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T",
               str(SECONDS), "-D", "turn=0", "-f", folder / "search.sql", "-l", f"--log-prefix={folder / 'log'}"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    times = sorted(int(line.split()[2]) for log in folder.glob("log.*") for line in log.open())
    return len(times) / SECONDS, times[len(times) * 99 // 100] / 1000


def wrk(running, folder, token, numbers):
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", pathlib.Path(__file__).parent / "search.lua",
               f"http://127.0.0.1:{running.port}", "--", folder / "numbers", token]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    [result] = [line.split()[1:] for line in said.splitlines() if line.startswith("result")]
    requests, microseconds, slow, errors = map(int, result)
    if errors:
        raise RuntimeError(f"{errors} searches failed")
    return requests / microseconds * 1e6, slow / 1000
