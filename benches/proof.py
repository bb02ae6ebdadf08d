"""The cost of proofs: the erasure journal and its replay, the detection of a restore, and the seals of the audit log.

Each pass and each replay gets a database and a folder of its own, copied from the same ones. `residue.py` has the residue
scan and the rotation of keys.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid

import callers
import cuts
import search
from cuts import spread
from stage import Lethe, seconds_of

# The requests of a pass, and the interactions that they select.
REQUESTS, HITS = 10_000, 100_000

# The objects of a small and of a large journal. In ten of them there is one of a pass, which both databases know.
OBJECTS, EVERY = [1_000, 10_000, 100_000], 10

# The length of a sealed body with one request.
BODY = 172

# Seconds between two seals: the default, and no seal during the measurement.
SEALED, UNSEALED = 10, 1_000_000


@contextlib.contextmanager
def copied(lethe, url, **settings):
    """A Lethe on another database, with a copy of the keys, of the journal, and of the objects."""
    twin = Lethe(lethe.program, url)
    try:
        shutil.copytree(lethe.folder, twin.folder, dirs_exist_ok=True)
        twin.settings.update(settings)
        yield twin
    finally:
        twin.close()


def observed(server, lethe, *arguments):
    """Runs a command that makes a pass. Answers its last report, the seconds of its parts, and seconds of processor time.

    The parts are the steps, `start` before the first one, and `end` from the purge on.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    served = server.cpu()
    process = lethe.start(*arguments, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, logged = process.communicate()
    ended = time.time()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"lethe {' '.join(arguments)} ended with {process.returncode}: {said}{logged}")
    time.sleep(0.2)
    steps = [json.loads(line) for line in logged.splitlines() if '"step"' in line]
    times = [("start", began)] + [(line["step"], seconds_of(line["timestamp"])) for line in steps]
    times += [("after", ended)]
    parts = {}
    for (step, since), (_, until) in zip(times, times[1:]):
        step = "end" if step == "purge" else step
        parts[step] = parts.get(step, 0.0) + until - since
    own = sum(after[:2]) - sum(before[:2])
    return json.loads(said.splitlines()[-1]), parts, (server.cpu() - served, own)


def passed(parts):
    """The seconds of a pass: from the start of its process to its purge."""
    return sum(seconds for part, seconds in parts.items() if part != "end")


def journal(bench):
    """The nightly job with the journal and without, and a replay of the same pass after a restore."""
    server, say, rounds = bench.server, bench.say, bench.rounds
    rows = max(bench.rows, 2 * HITS)
    say.head(f"A pass of {REQUESTS:,} requests over {HITS:,} of {rows:,} interactions, with the journal and without, and "
             f"its replay; {rounds} rounds, medians; {callers.load()}")
    lethe = Lethe(bench.program, server.url("proved"))
    cutoff = fill(bench, lethe, rows)
    measured = {"with": [], "without": [], "replay": []}
    for no in range(rounds):
        for kind in ["with", "without"][:: -1 if no % 2 else 1]:
            server.create("passed", "proved")
            server.sql("passed", "CHECKPOINT")
            off = {} if kind == "with" else {"LETHE_JOURNAL__OFF": "true"}
            with copied(lethe, server.url("passed"), LETHE_SCAN__NIGHTLY="false", **off) as twin:
                measured[kind].append(observed(server, twin, "job", "nightly", "--as-of", cutoff))
                check(measured[kind][-1][0])
                if kind == "with":
                    # The databases are those from before the pass again, and the journal is not.
                    server.create("passed", "proved")
                    server.sql("passed", "CHECKPOINT")
                    measured["replay"].append(observed(server, twin, "replay"))
                    check(measured["replay"][-1][0])
    show_passes(say, measured)
    lethe.close()
    server.drop("passed")
    server.drop("proved")


def fill(bench, lethe, rows):
    """Enters the requests and fills the archive. Answers the time at which the requests are due."""
    server = bench.server
    server.create("proved")
    with lethe.serve() as running:
        running.await_ready()
        token = lethe.token("dpo")
        for part in range(0, REQUESTS, 500):
            numbers = [f"+47{90_000_000 + part + no}" for no in range(500)]
            create = [{"phone_number": one, "to_date": cuts.FIRST_DAY, "targets": ["archive"]} for one in numbers]
            running.call("/anonymize-requests/batch", {"create": create}, token)
    sql = lambda text: server.sql("proved", text)
    sql("CREATE TABLE bench_targets AS "
        "SELECT row_number() OVER (ORDER BY created_at, id) - 1 AS no, phone_id AS id FROM requests; ANALYZE bench_targets")
    indexes = sql(cuts.INDEXES)
    sql("; ".join(sql(cuts.DROP)))
    sql(cuts.FILL.format(rows=rows, hits=HITS, others=rows // 20, targets=REQUESTS, first=cuts.FIRST_DAY, span=cuts.SPAN,
                         first_n=0, last_n=rows - 1))
    sql("; ".join(indexes))
    sql("VACUUM (FREEZE, ANALYZE)")
    [cutoff] = sql("SELECT DISTINCT to_json(due_at) #>> '{}' FROM requests")
    return cutoff


def check(report):
    if report["requests_done"] != REQUESTS or report["anonymized"] != {"archive": HITS}:
        raise RuntimeError(f"the pass has ended with {report}")


def show_passes(say, measured):
    total = {kind: statistics.median(passed(parts) for _, parts, _ in all) for kind, all in measured.items()}
    # All of the replay counts, also its purge and its end.
    whole = [sum(parts.values()) for _, parts, _ in measured["replay"]]
    for kind, all in measured.items():
        served, own = (statistics.median(one) for one in zip(*(used for _, _, used in all)))
        say.line(f"the pass {kind}" if kind != "replay" else "the replay, without its end", f"{total[kind]:.2f} s",
                 spread([passed(parts) for _, parts, _ in all]), f"server {served:.2f} s", f"job {own:.2f} s")
        middle = {part: statistics.median(parts.get(part, 0.0) for _, parts, _ in all) for part in all[0][1]}
        say.line("", "  ".join(f"{part} {seconds:.2f}" for part, seconds in middle.items() if seconds >= 0.005))
    say.line("the whole replay", f"{statistics.median(whole):.2f} s", spread(whole))
    pairs = list(zip(measured["with"], measured["without"]))
    extra = statistics.median(one[1].get("journal", 0.0) + one[1]["finish"] + one[1]["start"] - two[1].get("journal", 0.0)
                              - two[1]["finish"] - two[1]["start"] for one, two in pairs)
    say.line("more in the steps start, journal, and finish", f"{1000 * extra:.0f} ms")
    used = [statistics.median(sum(used) for _, _, used in measured[kind]) for kind in ("with", "without")]
    say.line("processor time with the journal, of that without", f"{used[0] / used[1]:.3f}")
    say.line("… from the steps of the journal alone", f"{1 + extra / total['without']:.3f}")
    say.ratio("a pass with the journal, of the time without", total["with"] / total["without"], "<=", 1.02)
    say.ratio("the whole replay, of the time of the pass", statistics.median(whole) / total["with"], "<=", 1.2)


def restored(bench):
    """What a look at a journal in a folder takes: at a start, and for a call of a running service."""
    server, say = bench.server, bench.say
    rounds = 4 * bench.rounds + 1
    say.head(f"The detection of a restore in journals of up to {max(OBJECTS):,} objects in a folder; {rounds} rounds, "
             f"medians; {callers.load()}")
    server.create("looked")
    lethe = Lethe(bench.program, server.url("looked"))
    with lethe.serve() as running:
        running.await_ready()
        request = {"phone_number": "91234567", "to_date": "2026-08-05", "targets": ["archive"]}
        running.call("/anonymize-requests", request, lethe.token("dpo"))
    for objects in OBJECTS:
        with copied(lethe, server.url("looking")) as twin:
            server.create("looking", "looked")
            append(server, twin, objects)
            look, behind = look_at_start(bench, twin, rounds)
            call = call_after_restore(server, twin, objects)
        say.line(f"{objects:,} objects: a look at a start", f"{1000 * look:.0f} ms", f"{1000 * behind:.0f} ms behind")
        say.line("… a call that finds the restore", f"{1000 * call:.1f} ms")
    lethe.close()
    server.drop("looking")
    server.drop("looked")
    say.ratio(f"ms of a look at {objects:,} objects at a start", 1000 * look, "<=", 50)
    say.ratio(f"ms of a call that finds a restore, {objects:,} objects", 1000 * call, "<=", 50)


def append(server, lethe, objects):
    """Appends objects to the journal as calls and passes write them, without the calls. Their bodies are not sealed."""
    folder = pathlib.Path(lethe.folder) / "journal" / "decisions"
    [first] = sorted(folder.iterdir())
    header, before = json.loads(first.read_bytes().split(b"\n", 1)[0]), hashlib.sha256(first.read_bytes())
    archive, vault = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    for seq in range(header["seq"] + 1, objects + 1):
        own = {"kind": "erasures", "pass": str(uuid.uuid4())} if seq % EVERY == 0 else {}
        one = {**header, "seq": seq, "prev": before.hexdigest(), **own}
        content = json.dumps(one, separators=(",", ":")).encode() + b"\n" + os.urandom(BODY)
        (folder / f"{seq:020}").write_bytes(content)
        before = hashlib.sha256(content)
        row = f"{one['tenant']}\t{seq}\t{one['kind']}\t{one['pass'] or chr(92) + 'N'}\t\\\\x{before.hexdigest()}\n"
        archive.write(row)
        if own:
            vault.write(row)
    for table, rows in [("journal_entries", archive), ("vault.journal_entries", vault)]:
        rows.seek(0)
        server.sql("looking", f"COPY {table} (tenant_id, seq, kind, pass_id, hash) FROM STDIN", rows)
    server.sql("looking", "VACUUM (FREEZE, ANALYZE)")


def look_at_start(bench, lethe, rounds):
    """Seconds that a look adds to a command: while all is in step, and while the archive lacks the newest objects."""
    def timed(*arguments):
        began = time.monotonic()
        lethe.run(*arguments)
        return time.monotonic() - began

    def look():
        # Both commands open the databases. The first one looks at the journal too.
        looks, opens = zip(*((timed("replay", "--dry-run"), timed("keys", "status")) for _ in range(rounds)))
        return statistics.median(looks) - statistics.median(opens)

    in_step = look()
    if "nothing to replay" not in lethe.run("replay", "--dry-run"):
        raise RuntimeError("the journal is not in step")
    bench.server.sql("looking", "CREATE TABLE bench_newest AS SELECT * FROM journal_entries ORDER BY seq DESC LIMIT 5")
    bench.server.sql("looking", "DELETE FROM journal_entries e USING bench_newest n WHERE e.seq = n.seq")
    refused, opens = zip(*((refusal(lethe), timed("keys", "status")) for _ in range(rounds)))
    behind = statistics.median(refused) - statistics.median(opens)
    bench.server.sql("looking", "INSERT INTO journal_entries SELECT * FROM bench_newest")
    return in_step, behind


def refusal(lethe):
    """Seconds of a command that is refused, because a database was restored."""
    began = time.monotonic()
    process = lethe.start("keys", "rotate", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, complained = process.communicate()
    if process.returncode != 78:
        raise RuntimeError(f"the restore was not detected: {process.returncode} {complained}")
    return time.monotonic() - began


def call_after_restore(server, lethe, objects):
    """Seconds of the first call after a restore under a running service."""
    with lethe.serve() as running:
        running.await_ready()
        token = lethe.token("dpo")
        for _ in range(2):
            status, _ = get(running, "/anonymize-requests", token)
            if status != 200:
                raise RuntimeError(f"a call answered {status}")
            time.sleep(1.1)
        server.sql("looking", f"DELETE FROM journal_entries WHERE seq > {objects - 5}")
        status, took = get(running, "/anonymize-requests", token)
        if status != 503:
            raise RuntimeError(f"a call after the restore answered {status}")
    return took


def get(running, path, token):
    """Answers the status and the seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    connection.connect()
    began = time.monotonic()
    connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    seconds = time.monotonic() - began
    connection.close()
    return answer.status, seconds


def sealing(bench):
    """Searches in a service that seals the audit log, and in one that does not, in turn."""
    server, say = bench.server, bench.say
    rounds, rate = 3 * bench.rounds, callers.CLIENTS * callers.RATE
    say.head(f"Searches by number beside the sealing of the audit log: {callers.CLIENTS} clients, {rate} searches a second; "
             f"{rounds} rounds of {callers.LASTING} s, medians; {callers.load()}")
    server.create("sealed")
    lethe = Lethe(bench.program, server.url("sealed"))
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        numbers = search.load(lethe, pathlib.Path(folder))
    server.sql("sealed", "VACUUM (FREEZE, ANALYZE)")
    server.create("unsealed", "sealed")
    bodies = [{"phone_number": one, "limit": 50} for one in numbers]
    measured = {"sealed": [], "unsealed": []}
    lethe.settings["LETHE_AUDIT__SEAL_INTERVAL"] = str(SEALED)
    with copied(lethe, server.url("unsealed"), LETHE_AUDIT__SEAL_INTERVAL=str(UNSEALED)) as twin:
        with lethe.serve() as one, twin.serve() as other:
            crowds = {"sealed": callers.Crowd(one, lethe.token("dpo"), bodies),
                      "unsealed": callers.Crowd(other, twin.token("dpo"), bodies)}
            for no in range(rounds):
                for name in list(crowds)[:: -1 if no % 2 else 1]:
                    measured[name].append(crowds[name].search())
    counted = [server.sql(one, "SELECT count(seq), count(*) FROM audit_events") for one in measured]
    for name, [count] in zip(measured, counted):
        p50, p99, most = (statistics.median(one) for one in zip(*measured[name]))
        slow = [one[1] for one in measured[name]]
        say.line(f"searches in a log that is {name}", f"p50 {p50:.2f} ms", f"p99 {p99:.2f} ms",
                 f"{min(slow):.2f}–{max(slow):.2f} ms", f"most {most:.0f} ms", f"{count.replace('|', ' of ')} sealed")
    lethe.close()
    for name in measured:
        server.drop(name)
    p50, p99 = ([statistics.median(one[no] for one in measured[name]) for name in measured] for no in (0, 1))
    say.line("p50 with sealing, of that without", f"{p50[0] / p50[1]:.3f}")
    say.ratio("p99 with sealing, of that without", p99[0] / p99[1], "<=", 1.05)
