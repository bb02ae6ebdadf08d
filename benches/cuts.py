"""The pass's unlink step against one hand-written UPDATE … FROM on an identical copy of the table, and in a larger archive.

Each wave is one pass: 1,000 requests, each for one number, that together select 100,000 interactions spread evenly over
the whole archive. Half of the records have a name as well, the others are of people who are not forgotten. The large
archive contains the same records and older ones before them; with --spread it is one in which the records to be forgotten
lie as far apart as can be.
"""

import statistics

REQUESTS, HITS = 1_000, 100_000

# The records end before the first wave's cut-off, so that every request selects all records of its number.
FIRST_DAY = "2025-06-01"
SPAN = "300 days"

INDEXES = """SELECT indexdef FROM pg_indexes WHERE tablename = 'interactions' AND indexname LIKE 'interactions\\_%'
             AND indexdef LIKE 'CREATE INDEX%'"""

DROP = """SELECT 'DROP INDEX ' || indexname FROM pg_indexes WHERE tablename = 'interactions'
          AND indexdef LIKE 'CREATE INDEX%'"""

# Ids grow with time as those of the program do. Record n is one to be forgotten where n * hits / rows moves on to the
# next whole number, `hit`; every other customer called twenty times.
FILL = """
INSERT INTO interactions (tenant_id, id, external_id, at, phone_id, email_id, name_id, forgotten, changed_at, cell_key, ended_at, channel,
    direction, queue, agent_id, outcome, attributes)
SELECT t.tenant_id,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid,
    'call-' || n, at,
    CASE WHEN target.id IS NOT NULL THEN target.id WHEN n % 10 <> 0 THEN md5('phone' || n % {others})::uuid END,
    CASE WHEN target.id IS NULL AND n % 10 = 0 THEN md5('email' || n % {others})::uuid END,
    CASE WHEN hit % 2 = 0 THEN md5('name' || coalesce(target.id::text, (n % {others})::text))::uuid END,
    0, at, n, at + interval '4 minutes', CASE WHEN n % 10 = 0 THEN 'email' ELSE 'call' END, 'inbound', 'Queue ' || n % 7,
    'a' || n % 83, 'answered', '{{"line":"AA0204","wait_seconds":17,"language":"nb"}}'
FROM (SELECT n, n * {hits} / {rows} AS hit,
          timestamptz '{first}' - interval '{span}' + n * (interval '{span}' / {rows}) AS at
      FROM generate_series({first_n}::bigint, {last_n}) AS n) AS one
CROSS JOIN (SELECT tenant_id FROM tenants WHERE slug = 'demo') AS t
LEFT JOIN bench_targets AS target
    ON n >= 0 AND (n = 0 OR (n - 1) * {hits} / {rows} < hit) AND target.no = hit * 7919 % {targets}
ORDER BY n
"""

CUT = """
UPDATE interactions i SET phone_id = NULL, email_id = NULL, name_id = NULL,
    forgotten = i.forgotten | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END
        | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END
FROM bench_wave w
WHERE i.tenant_id = '{tenant}' AND i.phone_id = w.id AND i.at < w.cutoff
"""

COUNTED = """
SELECT (SELECT count(*) FROM interactions WHERE forgotten <> 0),
       (SELECT coalesce(sum(anonymized), 0) FROM request_counts)
"""


def run(bench):
    server, lethe, say = bench.server, bench.lethe, bench.say
    waves = bench.rounds
    small, large = bench.rows, bench.large_rows
    say.head(f"The pass: {REQUESTS:,} requests, {HITS:,} of {small:,} interactions; {waves} rounds, medians")
    cutoffs = enter_requests(bench, waves)
    fill(bench, "pass_small", small, waves)
    server.create("pass_hand", "pass_small")
    if large:
        server.create("pass_large", "pass_small")
        if bench.spread:
            bench.server.sql("pass_large", "TRUNCATE interactions")
            fill(bench, "pass_large", large, waves)
        else:
            fill(bench, "pass_large", small, waves, small - large, -1)
    by_hand, by_night, in_large, jobs, peaks = [], [], [], [], []
    processor = {"psql": [], "pass_small": [], "pass_large": []}
    for wave, cutoff in enumerate(cutoffs):
        seconds, used = server.measured(lambda: cut_by_hand(server, "pass_hand", cutoff))
        by_hand.append(seconds)
        processor["psql"].append(used)
        for database, cuts in [("pass_small", by_night), ("pass_large", in_large)][: 2 if large else 1]:
            (cut, whole, peak), used = server.measured(lambda: cut_by_night(bench, database, cutoff, wave))
            cuts.append(cut)
            peaks.append(peak)
            processor[database].append(used)
            if database == "pass_small":
                jobs.append(whole)
    hand, night = statistics.median(by_hand), statistics.median(by_night)
    say.line("one UPDATE … FROM in psql", f"{HITS / hand:,.0f} rows/s", f"{hand:.2f} s", spread(by_hand))
    say.line("the pass's unlink step", f"{HITS / night:,.0f} rows/s", f"{night:.2f} s", spread(by_night))
    say.line("the whole pass, claim to purge", f"{statistics.median(jobs):.2f} s", "", spread(jobs))
    say.line("processor time of the server: psql, whole job",
             *(f"{statistics.median(used):.2f} s" for used in list(processor.values())[: 3 if large else 2]))
    say.ratio("unlinking against psql", hand / night, ">=", 0.9)
    if large:
        night_large = statistics.median(in_large)
        say.line(f"the unlink step in {large:,}", f"{HITS / night_large:,.0f} rows/s", f"{night_large:.2f} s",
                 spread(in_large))
        say.ratio(f"time in {large:,} against {small:,}", night_large / night, "<=", 1.15)
    say.ratio("peak memory of the job, MiB", max(peaks), "<=", 64)
    for database in ["pass_small", "pass_hand", "pass_large"][: 3 if large else 2]:
        server.drop(database)


def spread(seconds):
    return f"{min(seconds):.2f}–{max(seconds):.2f} s"


def enter_requests(bench, waves):
    """Enters the requests of all waves; answers each wave's cut-off."""
    server, lethe = bench.server, bench.lethe
    server.create("pass_small")
    lethe.use(server.url("pass_small"))
    with lethe.serve() as running:
        token = lethe.token("dpo")
        for wave in range(waves):
            for part in range(0, REQUESTS, 500):
                numbers = (f"+47{90_000_000 + wave * REQUESTS + part + no}" for no in range(500))
                day = f"2025-06-{wave + 1:02}"
                create = [{"phone_number": number, "to_date": day, "targets": ["archive"]} for number in numbers]
                running.call("/anonymize-requests/batch", {"create": create}, token)
    return server.sql("pass_small", "SELECT DISTINCT to_json(due_at) #>> '{}' AS due FROM requests ORDER BY due")


def fill(bench, database, rows, waves, first=0, last=None):
    """Fills the table with some of its records, its secondary indexes built at the end. Those before 0 are older."""
    sql = lambda text: bench.server.sql(database, text)
    targets, hits, others = waves * REQUESTS, waves * HITS, rows // 20
    indexes = sql(INDEXES)
    sql("; ".join(sql(DROP)))
    sql("DROP TABLE IF EXISTS bench_targets")
    sql("CREATE TABLE bench_targets AS "
        "SELECT row_number() OVER (ORDER BY created_at, id) - 1 AS no, phone_id AS id FROM requests")
    sql("ANALYZE bench_targets")
    last = rows - 1 if last is None else last
    sql(FILL.format(rows=rows, hits=hits, others=others, targets=targets, first=FIRST_DAY, span=SPAN, first_n=first,
                    last_n=last))
    sql("; ".join(indexes))
    sql("VACUUM (FREEZE, ANALYZE)")


def cut_by_hand(server, database, cutoff):
    server.sql(database, "DROP TABLE IF EXISTS bench_wave; CREATE TABLE bench_wave AS "
                         f"SELECT phone_id AS id, due_at AS cutoff FROM requests WHERE due_at = '{cutoff}'")
    server.sql(database, "ANALYZE bench_wave")
    server.sql(database, "CHECKPOINT")
    [tenant] = server.sql(database, "SELECT tenant_id FROM tenants WHERE slug = 'demo'")
    return server.timed(database, CUT.format(tenant=tenant))


def cut_by_night(bench, database, cutoff, wave):
    bench.server.sql(database, "CHECKPOINT")
    report, steps, peak = bench.lethe.use(bench.server.url(database)).night(cutoff)
    expected = f"{(wave + 1) * HITS}|{(wave + 1) * HITS}"
    counted = bench.server.sql(database, COUNTED)
    if counted != [expected] or report["anonymized"] != {"archive": HITS}:
        raise RuntimeError(f"{database}: cut and counted {counted}, not {expected}")
    return steps["cut"], sum(steps.values()), peak
