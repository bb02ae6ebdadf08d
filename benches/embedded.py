"""What a newcomer feels: the server on embedded databases, and the sample."""

import statistics
import subprocess
import time

from stage import Lethe

STARTS, INTERACTIONS = 10, 500_000


def serve(bench):
    say = bench.say
    say.head(f"serve on embedded databases: {STARTS} starts, medians")
    first = []
    for _ in range(STARTS):
        lethe = Lethe(bench.program)
        with lethe.serve() as running:
            first.append(running.await_ready() * 1000)
        lethe.close()
    lethe, later, memory = Lethe(bench.program), [], []
    for _ in range(STARTS):
        with lethe.serve() as running:
            later.append(running.await_ready() * 1000)
            time.sleep(1)
            memory.append(running.memory())
    lethe.close()
    say.line("ready", "", f"fresh {min(first):.0f}–{max(first):.0f} ms", f"used {min(later):.0f}–{max(later):.0f} ms")
    say.ratio("ready in a fresh folder, ms", statistics.median(first), "<=", 100)
    say.ratio("ready in a used one, ms", statistics.median(later), "<=", 100)
    say.ratio("idle memory, MiB", statistics.median(memory), "<=", 25)


def sample(bench):
    bench.say.head(f"sample: {INTERACTIONS:,} interactions; {bench.rounds} rounds, median")
    seconds = []
    for _ in range(bench.rounds):
        began = time.monotonic()
        command = ["sample", "--interactions", str(INTERACTIONS), "--days", "30"]
        bench.lethe.start(*command, stdout=subprocess.DEVNULL).wait()
        seconds.append(time.monotonic() - began)
    bench.say.ratio("records a second", INTERACTIONS / statistics.median(seconds), ">=", 100_000)
