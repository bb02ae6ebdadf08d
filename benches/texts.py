"""The finder against the pattern recognizers of presidio-analyzer, on the same chat logs and transcripts."""

import json
import pathlib
import subprocess
import venv

ROOT = pathlib.Path(__file__).parent.parent
TOOLS = ROOT / "target/tools/presidio"
LARGE, SMALL = 20_000, 500


def run(bench):
    say = bench.say
    example = build()
    large, small = make(example, LARGE), make(example, SMALL)
    say.head(f"Tokenizing {LARGE:,} chat logs, and {SMALL:,} of them by presidio-analyzer; processor time")
    speed, _ = find(example, large)
    rate = speed["bytes"] / speed["seconds"] / 1e6
    _, finds = find(example, small)
    peer = presidio(small)
    say.line("Lethe", f"{rate:,.1f} MB/s", f"{speed['bytes'] / 1e6:.1f} MB", f"{speed['seconds']:.2f} s")
    peer_rate = peer["bytes"] / peer["seconds"] / 1e6
    say.line(f"presidio-analyzer {peer['version']}", f"{peer_rate:,.3f} MB/s", f"{peer['bytes'] / 1e6:.1f} MB",
             f"{peer['seconds']:.2f} s")
    say.ratio("tokenizing, MB/s", rate, ">=", 20)
    say.ratio("tokenizing against presidio, MB/s", rate / peer_rate, ">=", 100)
    truths = [json.loads(line) for line in small.splitlines()]
    for what, kind in [("phones", "phones"), ("emails", "emails"), ("spoken", "phones")]:
        ours, theirs = recall(truths, finds, what, kind), recall(truths, peer["finds"], what, kind)
        count = sum(len(truth[what]) for truth in truths)
        say.line(f"{what} of {count:,}: Lethe, presidio", f"{ours:.4f}", f"{theirs:.4f}")
        if what != "spoken":
            say.ratio(f"recall of {what} against presidio", ours / max(theirs, 1e-9), ">=", 1)
    for name, all_finds in [("Lethe", finds), ("presidio", peer["finds"])]:
        say.line(f"{name}: finds that are no phone", f"{strays(truths, all_finds):,}")


def build():
    """The example that makes the texts and reads them."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "sample", "--example", "texts"], cwd=ROOT, check=True)
    return ROOT / "target/release/examples/texts"


def make(example, count):
    return subprocess.run([example, "make", str(count)], capture_output=True, check=True).stdout


def find(example, texts):
    lines = subprocess.run([example, "find"], input=texts, capture_output=True, check=True).stdout.splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


def presidio(texts):
    """What presidio finds, in a Python of its own."""
    if not (TOOLS / "bin/python").exists():
        venv.create(TOOLS, with_pip=True)
        subprocess.run([TOOLS / "bin/pip", "install", "--quiet", "presidio-analyzer"], check=True)
    command = [TOOLS / "bin/python", pathlib.Path(__file__).with_name("presidio.py")]
    return json.loads(subprocess.run(command, input=texts, stdout=subprocess.PIPE, check=True).stdout)


def recall(truths, finds, what, kind):
    """The share of identifiers of which no character is left over."""
    whole = total = 0
    for truth, found in zip(truths, finds, strict=True):
        covered = {at for span in found[kind] for at in range(span["start"], span["end"])}
        for span in truth[what]:
            inside = [at for at in range(span["start"], span["end"]) if truth["text"][at].isalnum()]
            total += 1
            whole += covered.issuperset(inside)
    return whole / max(total, 1)


def strays(truths, finds):
    """Phones found where there is none."""
    count = 0
    for truth, found in zip(truths, finds, strict=True):
        known = {at for kind in ["phones", "spoken", "emails"] for span in truth[kind]
                 for at in range(span["start"], span["end"])}
        count += sum(known.isdisjoint(range(span["start"], span["end"])) for span in found["phones"])
    return count
