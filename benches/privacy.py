"""Totals, ageing, the report on linkability, and legal holds, against the same work in psql or without it.

The archive has the calls and chats of a year in the order of their time. A hundred of its customers are in the vault, so
that a search by their number finds them.
"""

import contextlib
import datetime
import json
import pathlib
import shutil
import statistics
import time
import types

import callers
import cuts
from cuts import spread
from stage import Lethe, processor_time

ZONE, YEAR = "Europe/Oslo", 2025
CUSTOMERS, EACH = 100, 200

# Ids grow with time as those of the program do. The agents, queues, and outcomes are independent of each other.
FILL = """
INSERT INTO interactions (tenant_id, id, external_id, at, phone_id, forgotten, changed_at, cell_key, ended_at, channel,
    direction, queue, agent_id, outcome, attributes)
SELECT (SELECT tenant_id FROM tenants WHERE slug = 'demo'),
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid,
    'call-' || n, at,
    CASE WHEN n % {step} = 0 THEN (SELECT id FROM bench_customers AS c WHERE c.no = n / {step} % {customers})
         ELSE md5('phone' || n % {others})::uuid END,
    0, at, n * 7919, at + make_interval(secs => 5 + floor(1800 * power(chance, 3))),
    CASE WHEN n % 10 = 3 THEN 'chat' ELSE 'call' END, CASE WHEN n % 6 = 0 THEN 'outbound' ELSE 'inbound' END,
    'Queue ' || n % 7, 'a' || n % 83, CASE WHEN n % 5 = 0 THEN 'abandoned' ELSE 'answered' END,
    '{{"line":"AA020' || n % 3 || '","wait_seconds":' || n % 61 || ',"language":"nb"}}'
FROM (SELECT n, n * 7919 % 10007 / 10007.0 AS chance,
          timestamptz '{first}' + n * (interval '8760 hours' / {rows}) AS at
      FROM (SELECT generate_series(0, {rows}::bigint - 1) AS n) AS number) AS one
"""

SECONDS = "floor(date_part('epoch', ended_at - at))"
BY = {"queue": "queue", "agent_id": "agent_id", "day": f"date_trunc('day', at, '{ZONE}')",
      "hour_of_day": f"date_part('hour', at AT TIME ZONE '{ZONE}')"}
FIGURES = {"count": "count(*)", "duration_avg": f"avg({SECONDS})",
           "duration_p50": f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {SECONDS})",
           "duration_p95": f"percentile_cont(0.95) WITHIN GROUP (ORDER BY {SECONDS})"}
PERCENTILES = ["count", "duration_p50", "duration_p95"]
TOTALS = [
    ("by queue and day: count", ["queue", "day"], ["count"]),
    ("… with the average", ["queue", "day"], ["count", "duration_avg"]),
    ("… with percentiles", ["queue", "day"], PERCENTILES),
    ("by agent and hour of the day: count", ["agent_id", "hour_of_day"], ["count"]),
    ("by queue: count", ["queue"], ["count"]),
    ("all records: count and average", [], ["count", "duration_avg"]),
]
# The same of three months, which are a quarter of the archive.
PARTIAL = TOTALS[-2:]

POLICY = {
    "records": {"channels": ["call", "chat"], "queues": None}, "always": {"attributes": {"keep": ["line"]}}, "k": 5,
    "ladder": [{"time": "hour", "duration": "bucket"},
               {"time": "hour", "duration": "bucket", "agent_id": "suppress"},
               {"time": "hour", "duration": "suppress", "agent_id": "suppress"},
               {"time": "day", "duration": "suppress", "agent_id": "suppress"},
               {"time": "day", "duration": "suppress", "agent_id": "suppress", "outcome": "suppress"}],
    "leftover": "delete"}

# The columns that ageing changes, with values of the same size. The statement looks at no class.
AGE = f"""
UPDATE interactions SET id = gen_random_uuid(), external_id = 'aged-' || replace(gen_random_uuid()::text, '-', ''),
    at = date_trunc('hour', at, '{ZONE}'), aged = 'hour', agent_id = NULL, ended_at = NULL, phone_id = NULL, email_id = NULL,
    name_id = NULL, forgotten = 23, changed_at = '2030-01-01', cell_key = (random() * 9e18)::bigint,
    duration_s = CASE WHEN {SECONDS} < 15 THEN 0 WHEN {SECONDS} < 30 THEN 15 WHEN {SECONDS} < 60 THEN 30
        WHEN {SECONDS} < 120 THEN 60 WHEN {SECONDS} < 300 THEN 120 WHEN {SECONDS} < 600 THEN 300
        WHEN {SECONDS} < 1200 THEN 600 WHEN {SECONDS} < 1800 THEN 1200 WHEN {SECONDS} < 3600 THEN 1800 ELSE 3600 END,
    attributes = json_build_object('line', attributes::json ->> 'line')::text
WHERE tenant_id = (SELECT tenant_id FROM tenants WHERE slug = 'demo') AND channel IN ('call', 'chat') AND aged IS NULL
    AND at >= timestamptz '{{first}}' AND at < timestamptz '{{last}}'
"""

# What a job does beside its pass.
AFTER = {"scan", "certify", "scrub"}


@contextlib.contextmanager
def archive(bench, database, rows):
    """A Lethe with keys of its own, on a database with so many interactions."""
    server = bench.server
    server.create(database)
    lethe = Lethe(bench.program, server.url(database))
    try:
        file = pathlib.Path(lethe.folder) / "customers.ndjson"
        file.write_text("".join(json.dumps(customer(no)) + "\n" for no in range(CUSTOMERS)))
        lethe.run("import", str(file))
        sql = lambda text: server.sql(database, text)
        sql("CREATE TABLE bench_customers AS SELECT row_number() OVER (ORDER BY external_id) - 1 AS no, phone_id AS id "
            "FROM interactions; TRUNCATE interactions; ANALYZE bench_customers")
        indexes = sql(cuts.INDEXES)
        sql("; ".join(sql(cuts.DROP)))
        sql(FILL.format(rows=rows, step=max(1, rows // (CUSTOMERS * EACH)), customers=CUSTOMERS, others=rows // 20,
                        first=f"{YEAR}-01-01 00:00:00 {ZONE}"))
        sql("; ".join(indexes))
        sql("VACUUM (FREEZE, ANALYZE)")
        yield lethe
    finally:
        lethe.close()
        server.drop(database)


def number(no):
    return f"+47{91_000_000 + no}"


def customer(no):
    return {"external_id": f"customer-{no:03}", "channel": "call", "started_at": f"{YEAR}-01-01T10:00:00Z",
            "customer": {"phone_number": number(no), "name": "Kari Nordmann"}}


def asked(groups, measures, span=(f"{YEAR}-01-01", f"{YEAR + 1}-01-01")):
    """The body of a call for a total of the year, or of another span of winter days."""
    first, last = (f"{day}T00:00:00+01:00" for day in span)
    return {"from": first, "to": last, "group_by": groups, "measures": measures}


def by_hand(groups, measures, span=(f"{YEAR}-01-01", f"{YEAR + 1}-01-01")):
    """The same total as one statement."""
    columns = ", ".join([*(BY[one] for one in groups), *(FIGURES[one] for one in measures)])
    grouped = " GROUP BY " + ", ".join(map(str, range(1, len(groups) + 1))) if groups else ""
    first, last = (f"timestamptz '{day} 00:00:00 {ZONE}'" for day in span)
    tenant = "(SELECT tenant_id FROM tenants WHERE slug = 'demo')"
    return f"SELECT {columns} FROM interactions WHERE tenant_id = {tenant} AND at >= {first} AND at < {last}" + grouped


def totals(bench):
    """Totals over HTTP against one GROUP BY in psql. Neither has parallel workers."""
    server, say = bench.server, bench.say
    rounds = 2 * bench.rounds + 1
    say.head(f"Totals of a year of {bench.rows:,} interactions, against GROUP BY in psql; {rounds} rounds, medians; "
             f"{callers.load()}")
    with archive(bench, "totalled", bench.rows) as lethe:
        server.sql("totalled", "ALTER DATABASE totalled SET max_parallel_workers_per_gather = 0")
        with lethe.serve() as running:
            running.await_ready()
            token = lethe.token("manager")
            for what, groups, measures in TOTALS:
                compare_total(bench, running, token, (what, asked(groups, measures), by_hand(groups, measures)), rounds)
            for what, groups, measures in PARTIAL:
                months = f"{YEAR}-01-01", f"{YEAR}-03-29"
                total = asked(groups, measures, months), by_hand(groups, measures, months)
                compare_total(bench, running, token, (f"{what}, three months", *total), rounds)


def compare_total(bench, running, token, total, rounds):
    server, say = bench.server, bench.say
    what, body, statement = total
    check_total(running.call("/archive/totals", body, token), server.sql("totalled", statement), len(body["group_by"]))
    over_http, directly, processor = [], [], []
    for _ in range(rounds):
        seconds, direct = server.measured(lambda: server.timed("totalled", statement))
        directly.append(seconds)
        own = processor_time(running.process.pid)
        seconds, served = server.measured(lambda: timed(lambda: running.call("/archive/totals", body, token)))
        over_http.append(seconds)
        processor.append((direct, served, processor_time(running.process.pid) - own))
    say.line(f"{what}: Lethe, psql", f"{statistics.median(over_http):.2f} s", f"{statistics.median(directly):.2f} s",
             spread(over_http), spread(directly))
    say.line("  processor time: psql, server, Lethe", *(f"{statistics.median(one):.2f} s" for one in zip(*processor)))
    say.ratio(what, statistics.median(over_http) / statistics.median(directly), "<=", 1.15)


def check_total(answer, rows, groups):
    """Both have the same groups, and the same numbers in those that are large enough."""
    counts = [int(row.split("|")[groups]) for row in rows]
    shown = [item["count"] for item in answer["items"] if not item["suppressed"]]
    if len(answer["items"]) != len(rows) or sum(shown) != sum(one for one in counts if one >= answer["min_cell"]):
        raise RuntimeError(f"a total has {len(answer['items'])} groups and {sum(shown)} records, not {len(rows)} groups")


def crowded(bench):
    """Searches while totals are computed."""
    server, say = bench.server, bench.say
    rows, rate, rounds = bench.large_asked or bench.rows, callers.CLIENTS * callers.RATE, 2 * bench.rounds
    say.head(f"Searches by number beside totals of {rows:,} interactions: {callers.CLIENTS} clients, {rate} searches a "
             f"second; {rounds} rounds of {callers.LASTING} s, medians; {callers.load()}")
    groups, measures = ["queue", "day"], ["count", "duration_avg"]
    body, statement = asked(groups, measures), by_hand(groups, measures)
    with archive(bench, "crowded", rows) as lethe:
        server.sql("crowded", "ALTER DATABASE crowded SET max_parallel_workers_per_gather = 0")
        with lethe.serve() as running:
            running.await_ready()
            searches = [{"phone_number": number(no), "limit": 50} for no in range(CUSTOMERS)]
            crowd = callers.Crowd(running, lethe.token("dpo"), searches)
            manager = lethe.token("manager")
            total = lambda: running.call("/archive/totals", body, manager)
            by_psql = lambda: server.sql("crowded", statement)
            # What the machine itself costs: the same statement beside the searches, without the service.
            others = {"nothing": (total, 0), "a total": (total, 1), "two totals at once": (total, 2),
                      "one GROUP BY in psql": (by_psql, 1), "two of them at once": (by_psql, 2)}
            measured, counts = {name: [] for name in others}, {name: [] for name in others}
            alone = min(timed(total) for _ in range(2))
            for _ in range(rounds):
                for name, (work, at_once) in others.items():
                    with callers.repeating(work, at_once) as done:
                        measured[name].append(crowd.search())
                    counts[name].append(len(done))
    say.line("a total alone", f"{alone:.2f} s")
    middle = {name: [statistics.median(one) for one in zip(*all)] for name, all in measured.items()}
    for name, (p50, p99, most) in middle.items():
        slow = [p99 for _, p99, _ in measured[name]]
        say.line(f"searches beside {name}", f"p50 {p50:.2f} ms", f"p99 {p99:.2f} ms", f"{min(slow):.2f}–{max(slow):.2f} ms",
                 f"most {most:.0f} ms", f"{statistics.median(counts[name]):.0f} done")
    idle = middle["nothing"][1]
    for name in ["one GROUP BY in psql", "two of them at once"]:
        say.line(f"p99 beside {name}, of the idle one", f"{middle[name][1] / idle:.2f}")
    say.ratio("p99 beside a total, of the idle one", middle["a total"][1] / idle, "<=", 2)
    say.ratio("p99 beside two totals at once", middle["two totals at once"][1] / idle, "<=", 2)


def ageing(bench):
    """The ageing step of the nightly job, a month each round, against one UPDATE of the same columns in psql."""
    server, say = bench.server, bench.say
    say.head(f"Ageing a month of a year of {bench.rows:,} interactions; {bench.rounds} rounds, medians; {callers.load()}")
    by_psql, by_night, processor, peaks, counts = [], [], [], [], []
    with archive(bench, "aged", bench.rows) as lethe:
        server.create("aged_hand", "aged")
        # A policy ages nothing for 30 days.
        days = (datetime.date.today() + datetime.timedelta(days=32) - month(1)).days
        set_policy(lethe, {**POLICY, "after_days": days})
        for no in range(bench.rounds):
            first, last = (f"{month(one)} 00:00:00 {ZONE}" for one in (no, no + 1))
            for database in ["aged_hand", "aged"]:
                server.sql(database, "CHECKPOINT")
            seconds, direct = server.measured(lambda: server.timed("aged_hand", AGE.format(first=first, last=last)))
            by_psql.append(seconds)
            as_of = f"{month(no + 1) + datetime.timedelta(days=days)}T03:00:00Z"
            (report, steps, peak), served = server.measured(lambda: lethe.night(as_of))
            by_night.append(steps["ageing"])
            processor.append((direct, served))
            peaks.append(peak)
            counts.append(report["records_aged"] + report["records_deleted"])
            check_aged(server, no, report, counts)
        say.line("aged, deleted in the last round", f"{report['records_aged']:,}", f"{report['records_deleted']:,}")
        server.drop("aged_hand")
    hand, night, count = map(statistics.median, (by_psql, by_night, counts))
    say.line("one UPDATE in psql", f"{count / hand:,.0f} rows/s", f"{hand:.2f} s", spread(by_psql))
    say.line("the ageing step", f"{count / night:,.0f} rows/s", f"{night:.2f} s", spread(by_night))
    say.line("processor time of the server: psql, whole job",
             *(f"{statistics.median(one):.2f} s" for one in zip(*processor)))
    say.line("peak memory of the job", f"{max(peaks):.0f} MiB")
    say.ratio("ageing, of psql's rows/s", hand / night, ">=", 0.8)


def month(no):
    return datetime.date(YEAR, 1 + no, 1)


def set_policy(lethe, policy):
    with lethe.serve() as running:
        running.await_ready()
        callers.put(running, "/ageing-policies/calls", policy, lethe.token("admin"))


def check_aged(server, no, report, counts):
    """Both have aged the same records."""
    [left] = server.sql("aged", "SELECT count(*) FROM interactions WHERE aged IS NULL")
    [by_psql] = server.sql("aged_hand", "SELECT count(*) FROM interactions WHERE aged IS NULL")
    if left != by_psql or not report["records_aged"] or report["ageing_failed"]:
        raise RuntimeError(f"round {no} has left {left} records, and psql {by_psql}: {report}; {counts}")


def linkability(bench):
    """The report on the size of classes, over HTTP and by the command."""
    say = bench.say
    say.head(f"The report on linkability of {bench.rows:,} interactions; {bench.rounds} rounds, medians; {callers.load()}")
    over_http, by_command = [], []
    with archive(bench, "linked", bench.rows) as lethe:
        with lethe.serve() as running:
            running.await_ready()
            token = lethe.token("dpo")
            for _ in range(bench.rounds):
                over_http.append(timed(lambda: running.call("/archive/linkability", {}, token)))
                by_command.append(timed(lambda: lethe.run("linkability", "--json")))
            report = running.call("/archive/linkability", {}, token)
    if any(one["rows"] != bench.rows for one in report["classes"]):
        raise RuntimeError(f"the report lacks interactions: {report}")
    for name, seconds in [("over HTTP", over_http), ("lethe linkability", by_command)]:
        say.line(name, f"{statistics.median(seconds):.2f} s", spread(seconds))
        say.ratio(f"{name}, s for a million rows", statistics.median(seconds) / bench.rows * 1e6, "<=", 3)


def holds(bench):
    """The pass of the cuts in an archive with holds, and in the same one without. The holds are of other customers."""
    server, say = bench.server, bench.say
    waves = bench.rounds
    rows = max(bench.rows, 2 * (waves + 1) * cuts.HITS)
    say.head(f"The pass with {cuts.REQUESTS:,} holds over {cuts.HITS:,} of {rows:,} interactions; {waves} rounds, medians; "
             f"{callers.load()}")
    lethe, twin = Lethe(bench.program), Lethe(bench.program, server.url("pass_held"))
    cutoffs = cuts.enter_requests(types.SimpleNamespace(server=server, lethe=lethe), waves + 1)
    cuts.fill(bench, "pass_small", rows, waves + 1)
    server.create("pass_held", "pass_small")
    # Each has a journal of its own, since each forgets the same customers.
    shutil.copytree(lethe.folder, twin.folder, dirs_exist_ok=True)
    say.line("placing a hold", f"{place_holds(twin, waves) / cuts.REQUESTS * 1000:.1f} ms")
    [held] = server.sql("pass_held", "SELECT count(*) FROM interactions JOIN holds USING (tenant_id, phone_id)")
    if int(held) != cuts.HITS:
        raise RuntimeError(f"the holds are over {held} interactions")
    nights = {"pass_small": [], "pass_held": []}
    for no, cutoff in enumerate(cutoffs[:-1]):
        for database, one in [("pass_small", lethe), ("pass_held", twin)][:: -1 if no % 2 else 1]:
            server.sql(database, "ANALYZE; CHECKPOINT")
            (report, steps, _), used = server.measured(lambda: one.night(cutoff))
            if report["anonymized"] != {"archive": cuts.HITS} or report["requests_held"]:
                raise RuntimeError(f"the pass of {database} has ended with {report}")
            nights[database].append((passed(steps), steps["claim"], steps["cut"], used))
    report, steps, _ = twin.night(cutoffs[-1])
    if report["requests_held"] != cuts.REQUESTS or report["anonymized"]:
        raise RuntimeError(f"the requests of held customers have ended with {report}")
    (free, *of_free), (kept, *of_kept) = ([statistics.median(one) for one in zip(*all)] for all in nights.values())
    for name, seconds, (claim, cut, used), all in [("without", free, of_free, nights["pass_small"]),
                                                   ("with", kept, of_kept, nights["pass_held"])]:
        say.line(f"the pass {name} holds", f"{seconds:.2f} s", spread([one[0] for one in all]))
        say.line("  claim, unlinking, processor time of the server", f"{claim:.2f} s", f"{cut:.2f} s", f"{used:.2f} s")
    say.line(f"a pass whose {cuts.REQUESTS:,} requests are all held", f"{passed(steps):.2f} s")
    say.ratio("the pass with holds, of the time without", kept / free, "<=", 1.1)
    for one, database in [(lethe, "pass_small"), (twin, "pass_held")]:
        one.close()
        server.drop(database)


def place_holds(lethe, wave):
    """Places a hold on each number of a wave. Returns the seconds."""
    numbers = [f"+47{90_000_000 + wave * cuts.REQUESTS + no}" for no in range(cuts.REQUESTS)]
    hold = {"ground": "17(3)(e)", "reference": "case 118", "hide": False,
            "review_on": str(datetime.date.today() + datetime.timedelta(days=365))}
    with lethe.serve() as running:
        running.await_ready()
        token = lethe.token("dpo")
        return timed(lambda: [running.call("/holds", {**hold, "phone_number": one}, token) for one in numbers])


def passed(steps):
    """The seconds of a pass, without what its job does afterwards."""
    return sum(seconds for step, seconds in steps.items() if step not in AFTER)


def timed(work):
    """Seconds of some work."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
