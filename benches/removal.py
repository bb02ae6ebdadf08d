"""Content that is deleted with its customer, against the bare statements and the bare deletion of the files.

One customer with 100,000 small recordings asks to be forgotten with everything: once they belong to 1,000 calls, once
each to a call of its own. By hand, an identical database loses the same keys and rows in one statement each, and an
identical folder its files, one after the other.
"""

import json
import os
import pathlib
import resource
import shutil
import statistics
import time

# The wanted ratio for each number of calls.
CALLS, CONTENTS = {1_000: 0.8, 100_000: 0.6}, 100_000
NIGHT = "2026-08-06T02:00:00Z"

# Ids grow with time as those of the program do; the last two digits part the objects into folders. The first
# generation of each has the number of its content.
FILL = """
CREATE TABLE bench_contents AS
SELECT t.tenant_id, i.id AS interaction_id, i.at,
    (lpad(to_hex((extract(epoch FROM i.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid AS id
FROM generate_series(0, {contents} - 1) AS n
JOIN (SELECT id, at, row_number() OVER () - 1 AS no FROM interactions) AS i ON i.no = n % {calls}
CROSS JOIN (SELECT tenant_id FROM tenants WHERE slug = 'demo') AS t;
INSERT INTO contents (tenant_id, id, generation, interaction_id, kind, media_type, size, sha256, sensitivity, stored_size, at, created_at)
SELECT tenant_id, id, id, interaction_id, 'recording', 'audio/wav', 84, sha256('x'), 'normal', 84, at, at FROM bench_contents;
INSERT INTO vault.content_keys (tenant_id, content_id, generation, wrapped, key_version)
SELECT tenant_id, id, id, sha256(id::text::bytea) || sha256('y'), 1 FROM bench_contents;
ANALYZE contents; ANALYZE vault.content_keys
"""

BY_HAND = """
DELETE FROM vault.content_keys k USING bench_contents b WHERE k.tenant_id = b.tenant_id AND k.generation = b.id;
DELETE FROM contents c USING bench_contents b WHERE c.tenant_id = b.tenant_id AND c.id = b.id
"""


def run(bench):
    for calls, wanted in CALLS.items():
        ratios = [measure(bench, calls) for _ in range(bench.rounds)]
        bench.say.ratio(f"of {calls:,} calls, of the rate by hand", statistics.median(ratios), ">=", wanted)


def measure(bench, calls):
    """One round; answers the ratio."""
    server, lethe, say = bench.server, bench.lethe, bench.say
    say.head(f"The pass deletes {CONTENTS:,} recordings of {calls:,} calls of one customer")
    server.create("removal")
    lethe.use(server.url("removal"))
    file = pathlib.Path(lethe.folder) / "calls.ndjson"
    file.write_text("".join(json.dumps(call(n)) + "\n" for n in range(calls)))
    lethe.run("import", str(file))
    server.sql("removal", FILL.format(contents=CONTENTS, calls=calls))
    folder, copy = pathlib.Path(lethe.folder) / "objects", pathlib.Path(lethe.folder) / "copy"
    for old in [folder, copy]:
        shutil.rmtree(old, ignore_errors=True)
    paths = write_objects(server.sql("removal", "SELECT tenant_id || ' ' || id FROM bench_contents"), folder)
    shutil.copytree(folder, copy)
    server.create("removal_hand", "removal")
    with lethe.serve() as running:
        running.await_ready()
        body = {"phone_number": "91234567", "to_date": "2026-08-05", "targets": ["archive"], "delete_content": True}
        running.call("/anonymize-requests", body, lethe.token("dpo"))
    by_hand = BY_HAND.split(";")
    statements, served = server.measured(lambda: sum(server.timed("removal_hand", one) for one in by_hand))
    began, used = time.monotonic(), time.process_time()
    for path in paths:
        os.unlink(copy / path)
        os.rmdir((copy / path).parent)
    files, used = time.monotonic() - began, time.process_time() - used
    say.line("by hand: statements, files", f"{statements:.2f} s", f"{files:.2f} s")
    say.line("  processor time: server, files", f"{served:.2f} s", f"{used:.2f} s")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    (report, spans, peak), served = server.measured(lambda: lethe.night(NIGHT))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if report["content_deleted"] != CONTENTS:
        raise RuntimeError(f"the pass deleted {report['content_deleted']}")
    took, used = spans["content"], sum(after[:2]) - sum(before[:2])
    say.line("the pass", f"{took:.2f} s", f"{CONTENTS / took:,.0f} /s", f"{peak:.0f} MiB")
    say.line("  processor time, all steps: server, job", f"{served:.2f} s", f"{used:.2f} s")
    server.drop("removal")
    server.drop("removal_hand")
    return (statements + files) / took


def call(n):
    return {"external_id": f"c{n}", "channel": "call", "started_at": f"2026-08-0{1 + n % 3}T10:00:00Z",
            "customer": {"phone_number": "+4791234567"}}


def write_objects(rows, folder):
    """Writes the objects; answers their paths."""
    paths = []
    for row in rows:
        tenant, content = row.split(" ")
        paths.append(f"{tenant}/{content[-2:]}/{content}/{content}")
    for parent in {path.rsplit("/", 1)[0] for path in paths}:
        (folder / parent).mkdir(parents=True)
    for path in paths:
        (folder / path).write_bytes(b"x" * 100)
    return paths
